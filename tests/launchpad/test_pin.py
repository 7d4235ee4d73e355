from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from backport.errors import HashMismatchError, InputError, RecipeError, RemoteError, UsageError
from backport.launchpad.api.client import LaunchpadlibClient
from backport.launchpad.archive.pin import FoundSource, pin
from backport.launchpad.archive.publications import Records
from backport.recipe import reader
from tests.support import recipes
from tests.support.launchpad_server import StandIn
from tests.support.recipes import SourceSpec, Spec
from tests.support.source_builder import package_files

SPEC = Spec(
    sources=(
        SourceSpec("hello-sru", "1.2", series=("xenial", "zesty")),
        SourceSpec("other-sru", "3", series=("xenial",)),
    ),
    series=("xenial", "zesty"),
)
DSC = "hello-sru_1.2-1.dsc"


@dataclass
class Pinning:
    """A recipe of two sources, and a Launchpad."""

    path: Path
    client: LaunchpadlibClient
    standin: StandIn

    @property
    def text(self) -> str:
        return self.path.read_text()

    def publish(
        self, source: str = "hello-sru", version: str = "1.2-1", series: str = "bionic", **more: Any
    ) -> dict[str, bytes]:
        """Publish a source package; its files."""
        files = package_files(source, version, self.path.parent / "archive")
        self.standin.world.publish(series, source, version, files=files, **more)
        return files

    def run(
        self, *sources: str, offline: bool = False, update: bool = False
    ) -> tuple[list[FoundSource], str]:
        cache = self.path.parent / "cache"
        return pin(
            reader.load(self.path, unpinned=True),
            Records(cache, None if offline else self.client),
            cache,
            sources=sources or ("hello-sru",),
            update=update,
        )


@pytest.fixture
def here(tmp_path: Path, client: LaunchpadlibClient, standin: StandIn) -> Pinning:
    return Pinning(recipes.write(tmp_path, SPEC), client, standin)


def test_a_source_is_found_fetched_checked_and_pinned(here: Pinning) -> None:
    files = here.publish(series="zesty", status="Obsolete")
    before = here.text
    (package,), change = here.run()
    assert "ubuntu zesty (Release, Obsolete); signature: none" in str(package)
    assert {path.name: path.read_bytes() for path in package.dsc.parent.iterdir()} == files
    pinned = reader.load(here.path).source("hello-sru").pinned
    assert pinned == package.pin
    assert pinned is not None
    assert pinned.sha256 == hashlib.sha256(files[DSC]).hexdigest()
    assert pinned.url.endswith("/+sourcefiles/hello-sru/1.2-1/")
    added = [line for line in here.text.splitlines() if line not in before.splitlines()]
    assert added
    assert all(f"\n+{line}\n" in change for line in added)


def test_debians_archive_is_looked_at_after_ubuntus(here: Pinning) -> None:
    for entry in here.standin.world.all("source_package_publishing_history"):
        entry.values["source_package_name"] = "another"
    here.publish(series="sid", distribution="debian", status="Superseded")
    (package,), _ = here.run()
    assert package.publication.distribution == "debian"
    assert "/debian/+archive/primary/" in package.pin.url


def test_a_pinned_source_is_kept_unless_an_update_is_asked_for(here: Pinning) -> None:
    files = here.publish()
    here.run()
    text = here.text.replace(hashlib.sha256(files[DSC]).hexdigest(), "1" * 64)
    here.path.write_text(text)
    asked = len(here.standin.requests)

    assert here.run() == ([], "")
    assert len(here.standin.requests) == asked

    (package,), change = here.run(update=True)
    assert change.count("\n+") == 2, "the diff's header and the hash"
    assert here.text == text.replace("1" * 64, package.pin.sha256)


def test_another_version_in_the_recipe_is_pinned_in_place_of_the_first(here: Pinning) -> None:
    here.publish()
    here.run()
    here.publish(version="1.2-1ubuntu0.1", pocket="Security")
    here.path.write_text(here.text.replace("1.2-1", "1.2-1ubuntu0.1", 1))
    with pytest.raises(RecipeError, match="debian-version, then run: backport pin --update"):
        reader.load(here.path)
    (package,), _ = here.run()
    assert package.pin.version == "1.2-1ubuntu0.1"
    assert reader.load(here.path).source("hello-sru").pinned == package.pin


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("hello-sru_1.2.orig-extra.tar.gz", lambda _: b"more", "do not agree about .*-extra.tar"),
        ("hello-sru_1.2.orig.tar.gz", lambda tar: tar + b"x", r"hello-sru_1.2.orig.tar.gz"),
        (DSC, lambda dsc: b"-----BEGIN PGP SIGNED MESSAGE-----\n\n" + dsc, "its signature is bad"),
        (DSC, None, r"0 \.dsc files instead of one"),
    ],
    ids=["more files", "another tarball", "signature", "no dsc"],
)
def test_what_is_not_one_sound_source_package_is_refused(
    here: Pinning, name: str, change: Callable[[bytes], bytes] | None, message: str
) -> None:
    before = here.text
    here.publish("other-sru", "3-1")
    files = package_files("hello-sru", "1.2-1", here.path.parent / "changed")
    old = files.pop(name, b"")
    files |= {name: change(old)} if change else {}
    here.standin.world.publish("bionic", "hello-sru", "1.2-1", files=files)
    with pytest.raises((InputError, HashMismatchError), match=message):
        here.run("other-sru", "hello-sru")
    assert here.text == before


def test_what_no_archive_ever_had_is_told_and_nothing_is_written(here: Pinning) -> None:
    before = here.text
    here.publish()
    with pytest.raises(InputError, match=r"other-sru: Launchpad has no record of 3-1 .*\.pinned\]"):
        here.run("hello-sru", "other-sru")
    assert here.text == before


def test_without_an_answer_or_with_a_wrong_name_the_recipe_is_untouched(here: Pinning) -> None:
    before = here.text
    here.standin.stop()
    with pytest.raises(RemoteError, match="the connection is refused"):
        here.run()
    with pytest.raises(RemoteError, match="no kept record"):
        here.run(offline=True)
    with pytest.raises(UsageError, match="'hello' is no source of this recipe"):
        here.run("hello")
    assert here.text == before


def test_an_edit_by_somebody_else_meanwhile_is_not_overwritten(here: Pinning) -> None:
    here.publish()
    edited = here.text.replace(" = 1\n", " = 2\n")

    def edit() -> None:
        here.path.write_text(edited)

    here.standin.world.before.append(edit)
    with pytest.raises(InputError, match="changed by somebody else"):
        here.run()
    assert here.text == edited
    assert list(here.path.parent.glob(".backport*")) == []


def test_the_pinned_package_of_each_series_is_pinned_in_its_own_table(here: Pinning) -> None:
    pins = {"xenial": "1.2-1", "zesty": "1.3-1"}
    for series, version in pins.items():
        here.publish(version=version, series=series)
    content = recipes.data(SPEC)
    del content["source"]["hello-sru"]["version"], content["source"]["hello-sru"]["debian-version"]
    del content["source"]["hello-sru"]["upstream"]
    tables = (
        f'[source.hello-sru.pinned.{series}]\nversion = "{version}"\n'
        for series, version in pins.items()
    )
    here.path.write_text(recipes.toml(content) + "".join(tables))
    packages, _ = here.run()
    source = reader.load(here.path).source("hello-sru")
    assert source.pinned is None
    assert source.pinned_in == {package.series: package.pin for package in packages}
    assert {name: one.version for name, one in source.pinned_in.items()} == pins
    assert here.run() == ([], "")

    here.publish(version="1.3-1ubuntu0.1", series="zesty", pocket="Security")
    (here.path.parent / "cache/launchpad-records.json").unlink()
    assert here.run() == ([], "")
    _, change = here.run(update=True)
    assert '\n-version = "1.3-1"\n' in change
    assert '\n+version = "1.3-1ubuntu0.1"\n' in change
    now = reader.load(here.path).source("hello-sru")
    assert now.pinned_in["xenial"] == source.pinned_in["xenial"]
