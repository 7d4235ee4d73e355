from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from backport.errors import HashMismatchError, InputError, RemoteError, UsageError
from backport.launchpad.api.client import LaunchpadlibClient
from backport.launchpad.archive.pin import FoundSource, pin
from backport.launchpad.archive.publications import Records
from backport.recipe import reader
from backport.recipe.model import Recipe
from tests.launchpad.conftest import Keys
from tests.support.launchpad_server import StandIn

RECIPE = """\
# A comment at the top.
[update]
name = "hello"          # kept
bug = 1
maintainer = "A Tester <t@example.org>"
date = "Mon, 23 Nov 2026 12:00:00 +0000"

[series.xenial]
version = "16.04"

[source.hello-sru]
version="1.2"           # no blanks here
debian-version = "1.2-1"
series = [
    "xenial",           # one a line
]
changes = ["A change."]

[source.hello-sru.upstream]
file = "hello.tar.gz"
sha256 = "{zeros}"
url = "http://127.0.0.1:9/hello.tar.gz"


# The second one.
[source.other-sru]
version = "3"
debian-version = "3-1"
series = ["xenial"]
changes = ["A change."]
upstream = {{ file = "other.tar.gz", sha256 = "{zeros}", url = "http://127.0.0.1:9/other" }}

# the end
""".format(zeros="0" * 64)


@dataclass
class Pinning:
    """A recipe of two sources, a Launchpad, and keys that sign."""

    recipe: Recipe
    client: LaunchpadlibClient
    standin: StandIn
    keys: Keys
    signed: Callable[[str, str, str], dict[str, bytes]]

    @property
    def text(self) -> str:
        return self.recipe.path.read_text()

    def publish(
        self, source: str = "hello-sru", version: str = "1.2-1", who: str = "good", **more: Any
    ) -> dict[str, bytes]:
        """Publish a signed source package; its files."""
        made = self.signed(source, version, who)
        own = {name: one for name, one in made.items() if f"_{version.partition('-')[0]}" in name}
        self.standin.world.publish(more.pop("series", "bionic"), source, version, files=own, **more)
        return own

    def hide(self) -> None:
        """Ubuntu has nothing of it."""
        for entry in self.standin.world.all("source_package_publishing_history"):
            entry.values["source_package_name"] = "another"

    def run(
        self, *sources: str, offline: bool = False, update: bool = False
    ) -> tuple[list[FoundSource], str]:
        cache = self.recipe.root / "cache"
        return pin(
            reader.load(self.recipe.path, unpinned=True),
            Records(cache, None if offline else self.client),
            cache,
            sources=sources or ("hello-sru",),
            keyrings=[self.keys.keyring],
            update=update,
        )


@pytest.fixture
def here(
    tmp_path: Path, client: LaunchpadlibClient, standin: StandIn, keys: Keys, signed: Any
) -> Pinning:
    for source in ("hello-sru", "other-sru"):
        packaging = tmp_path / "patches" / source / "debian"
        packaging.mkdir(parents=True)
        (packaging / "control").write_text("Source: x\n")
    path = tmp_path / "backport.toml"
    path.write_text(RECIPE)
    return Pinning(reader.load(path), client, standin, keys, signed)


@pytest.mark.parametrize(
    ("who", "state"), [("good", "good"), ("expired", "expired key"), ("stranger", "unknown key")]
)
def test_a_source_is_found_fetched_checked_and_pinned(here: Pinning, who: str, state: str) -> None:
    files = here.publish(who=who, series="zesty", status="Obsolete")
    (found,), _ = here.run()
    assert found.signature.state == state
    assert f"signature: {state}" in str(found)
    assert "ubuntu zesty (Release, Obsolete)" in str(found)
    assert {path.name: path.read_bytes() for path in found.dsc.parent.iterdir()} == files

    base = reader.load(here.recipe.path).source("hello-sru").base
    assert base == found.pin
    assert base is not None
    assert base.sha256 == hashlib.sha256(files["hello-sru_1.2-1.dsc"]).hexdigest()
    assert base.url.endswith("/+sourcefiles/hello-sru/1.2-1/")


def test_the_recipe_keeps_every_byte_but_the_pin(here: Pinning) -> None:
    here.publish()
    here.publish("other-sru", "3-1")
    found, change = here.run("hello-sru", "other-sru")
    new = here.text
    for one in found:
        pinned = one.pin
        block = (
            f'\n[source.{one.source}.base]\nversion = "{pinned.version}"\n'
            f'dsc = "{pinned.dsc}"\nsha256 = "{pinned.sha256}"\nurl = "{pinned.url}"\n'
        )
        assert new.count(block) == 1
        assert all(f"+{line}\n" in change for line in block.strip().splitlines())
        new = new.replace(block, "")
    assert new == RECIPE
    assert len(found) == 2


def test_debians_archive_is_looked_at_after_ubuntus(here: Pinning) -> None:
    here.hide()
    here.publish(series="sid", distribution="debian", status="Superseded")
    (found,), _ = here.run()
    assert found.publication.distribution == "debian"
    assert "/debian/+archive/primary/" in found.pin.url


def test_what_no_archive_ever_had_is_told_and_nothing_is_written(here: Pinning) -> None:
    here.publish()
    with pytest.raises(InputError, match=r"other-sru: Launchpad has no record of 3-1 .*\.base\]"):
        here.run("hello-sru", "other-sru")
    assert here.text == RECIPE


def test_a_pinned_source_is_kept_unless_an_update_is_asked_for(here: Pinning) -> None:
    files = here.publish()
    here.run()
    text = here.text.replace(hashlib.sha256(files["hello-sru_1.2-1.dsc"]).hexdigest(), "1" * 64)
    here.recipe.path.write_text(text)
    asked = len(here.standin.requests)

    assert here.run() == ([], "")
    assert len(here.standin.requests) == asked

    (found,), change = here.run(update=True)
    assert change.count("\n+") == 2, "the diff's header and the hash"
    assert here.text == text.replace("1" * 64, found.pin.sha256)


def test_a_file_with_another_hash_than_the_record_keeps_nothing(here: Pinning) -> None:
    files = here.publish()
    stored = here.standin.world.files
    for path, content in stored.items():
        if content == files["hello-sru_1.2.orig.tar.gz"]:
            stored[path] = content + b"x"
    with pytest.raises(HashMismatchError):
        here.run()
    assert here.text == RECIPE


def more_files(files: dict[str, bytes]) -> None:
    files["hello-sru_1.2.orig-extra.tar.gz"] = b"more"


def change_signed(files: dict[str, bytes]) -> None:
    dsc = files["hello-sru_1.2-1.dsc"]
    files["hello-sru_1.2-1.dsc"] = dsc.replace(b"Architecture: all", b"Architecture: any")


def no_dsc(files: dict[str, bytes]) -> None:
    del files["hello-sru_1.2-1.dsc"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (more_files, r"do not agree about hello-sru_1.2.orig-extra.tar.gz"),
        (change_signed, "its signature is bad"),
        (no_dsc, r"0 \.dsc files instead of one"),
    ],
)
def test_a_record_whose_files_are_not_one_signed_source_package_is_refused(
    here: Pinning, change: Callable[[dict[str, bytes]], None], said: str
) -> None:
    files = here.signed("hello-sru", "1.2-1", "good")
    change(files)
    here.standin.world.publish("bionic", "hello-sru", "1.2-1", files=files)
    with pytest.raises(InputError, match=said):
        here.run()
    assert here.text == RECIPE


def test_a_pin_can_be_made_again_offline_from_what_is_kept(
    here: Pinning, monkeypatch: pytest.MonkeyPatch
) -> None:
    here.publish()
    first = here.run()
    here.recipe.path.write_text(RECIPE)
    here.standin.stop()
    monkeypatch.setenv("BACKPORT_LAUNCHPAD_ROOT", here.standin.root)
    assert here.run(offline=True) == first
    assert here.text != RECIPE


def test_without_an_answer_or_with_a_wrong_name_the_recipe_is_untouched(here: Pinning) -> None:
    here.standin.stop()
    with pytest.raises(RemoteError, match="the connection is refused"):
        here.run()
    with pytest.raises(RemoteError, match="no kept record"):
        here.run(offline=True)
    with pytest.raises(UsageError, match="'hello' is no source of this recipe"):
        here.run("hello")
    assert here.text == RECIPE


def test_an_edit_by_somebody_else_meanwhile_is_not_overwritten(here: Pinning) -> None:
    here.publish()
    edited = RECIPE.replace("bug = 1", "bug = 2")

    def edit() -> None:
        here.recipe.path.write_text(edited)

    here.standin.world.before.append(edit)
    with pytest.raises(InputError, match="changed by somebody else"):
        here.run()
    assert here.text == edited
    assert [path.name for path in here.recipe.root.glob(".backport*")] == []


def test_the_base_of_each_series_is_pinned_in_its_own_table(here: Pinning) -> None:
    bases = {"xenial": "1.2-1", "zesty": "1.3-1"}
    for series, version in bases.items():
        here.publish(version=version, series=series)
    text = (
        RECIPE.replace(
            'version = "16.04"\n', 'version = "16.04"\n\n[series.zesty]\nversion = "17.04"\n'
        )
        .replace('    "xenial",           # one a line\n', '    "xenial", "zesty",\n')
        .replace('version="1.2"           # no blanks here\ndebian-version = "1.2-1"\n', "")
    )
    tables = "\n".join(
        f'[source.hello-sru.base.{series}]\nversion = "{version}"\n'
        for series, version in bases.items()
    )
    here.recipe.path.write_text(text.replace("\n\n# The second", f"\n{tables}\n# The second"))
    found, _ = here.run()
    source = reader.load(here.recipe.path).source("hello-sru")
    assert source.base is None
    assert source.bases == {one.series: one.pin for one in found}
    assert {name: one.version for name, one in source.bases.items()} == bases
    assert here.run() == ([], "")
    assert 'version = "1.3-1"\ndsc = "hello-sru_1.3-1.dsc"\n' in here.text
    assert "\n\n# The second one.\n[source.other-sru]\n" in here.text
