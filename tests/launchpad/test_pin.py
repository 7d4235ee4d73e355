from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from backport.errors import HashMismatchError, InputError, RemoteError, UsageError
from backport.launchpad.api.client import LaunchpadlibClient
from backport.launchpad.archive.pin import PinReport, pin
from backport.recipe import reader
from backport.recipe.model import Recipe
from tests.launchpad.conftest import Keys
from tests.support.launchpad_server import Fault, StandIn, World

MakeClient = Callable[..., LaunchpadlibClient]
Signed = Callable[[str, str, str], dict[str, bytes]]

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


@pytest.fixture
def recipe(tmp_path: Path) -> Recipe:
    for source in ("hello-sru", "other-sru"):
        packaging = tmp_path / "patches" / source / "debian"
        packaging.mkdir(parents=True)
        (packaging / "control").write_text("Source: x\n")
    path = tmp_path / "backport.toml"
    path.write_text(RECIPE)
    return reader.load(path)


def run(
    recipe: Recipe,
    client: LaunchpadlibClient | None,
    keys: Keys,
    *,
    sources: tuple[str, ...] = ("hello-sru",),
    update: bool = False,
    dry_run: bool = False,
) -> PinReport:
    return pin(
        recipe,
        client,
        recipe.root / "cache",
        sources=sources,
        update=update,
        dry_run=dry_run,
        keyrings=[keys.keyring],
        backoff=0.01,
    )


@pytest.mark.parametrize(
    ("who", "state"), [("good", "good"), ("expired", "expired key"), ("stranger", "unknown key")]
)
def test_a_source_is_found_fetched_checked_and_pinned(
    *,
    recipe: Recipe,
    client: LaunchpadlibClient,
    world: World,
    keys: Keys,
    signed: Signed,
    who: str,
    state: str,
) -> None:
    files = signed("hello-sru", "1.2-1", who)
    world.publish("zesty", "hello-sru", "1.2-1", status="Obsolete", files=files)
    report = run(recipe, client, keys)
    assert report.exit_code == 0
    assert report.written
    (found,) = report.found
    assert found.signature.state == state
    assert f"signature: {state}" in str(found)
    assert "ubuntu zesty (Release, Obsolete)" in str(found)
    assert {one.name: one.read_bytes() for one in found.dsc.parent.iterdir()} == files

    again = reader.load(recipe.path)
    base = again.source("hello-sru").base
    assert base == found.pin
    assert base is not None
    assert base.sha256 == hashlib.sha256(files["hello-sru_1.2-1.dsc"]).hexdigest()
    assert base.url.endswith("/+sourcefiles/hello-sru/1.2-1/")


def test_the_recipe_keeps_every_byte_but_the_pin(
    recipe: Recipe, client: LaunchpadlibClient, world: World, keys: Keys, signed: Signed
) -> None:
    for source, version in (("hello-sru", "1.2-1"), ("other-sru", "3-1")):
        world.publish("bionic", source, version, files=signed(source, version, "good"))
    report = run(recipe, client, keys, sources=())
    new = recipe.path.read_text()
    for found in report.found:
        pinned = found.pin
        block = (
            f'\n[source.{found.source}.base]\nversion = "{pinned.version}"\n'
            f'dsc = "{pinned.dsc}"\nsha256 = "{pinned.sha256}"\nurl = "{pinned.url}"\n'
        )
        assert new.count(block) == 1
        assert all(f"+{line}\n" in report.change for line in block.strip().splitlines())
        new = new.replace(block, "")
    assert new == RECIPE
    assert len(report.found) == 2


def test_a_dry_run_shows_the_change_and_writes_nothing(
    recipe: Recipe, client: LaunchpadlibClient, world: World, keys: Keys, signed: Signed
) -> None:
    world.publish("bionic", "hello-sru", "1.2-1", files=signed("hello-sru", "1.2-1", "good"))
    report = run(recipe, client, keys, dry_run=True)
    assert "+[source.hello-sru.base]" in report.change
    assert not report.written
    assert recipe.path.read_text() == RECIPE


def test_debians_archive_is_looked_at_after_ubuntus(
    recipe: Recipe, client: LaunchpadlibClient, world: World, keys: Keys, signed: Signed
) -> None:
    for entry in world.all("source_package_publishing_history"):
        entry.values["source_package_name"] = "another"
    files = signed("hello-sru", "1.2-1", "good")
    world.publish(
        "sid", "hello-sru", "1.2-1", distribution="debian", status="Superseded", files=files
    )
    (found,) = run(recipe, client, keys).found
    assert found.publication.distribution == "debian"
    assert "/debian/+archive/primary/" in found.pin.url


def test_what_no_archive_ever_had_is_said_per_source_and_nothing_is_written(
    recipe: Recipe, client: LaunchpadlibClient, world: World, keys: Keys, signed: Signed
) -> None:
    world.publish("bionic", "hello-sru", "1.2-1", files=signed("hello-sru", "1.2-1", "good"))
    report = run(recipe, client, keys, sources=())
    assert report.exit_code == 3
    (sentence,) = report.missing
    assert sentence.startswith("other-sru: Launchpad has no record of 3-1")
    assert "[source.other-sru.base]" in sentence
    assert not report.written
    assert recipe.path.read_text() == RECIPE


def test_a_pinned_source_is_kept_unless_an_update_is_asked_for(
    *,
    recipe: Recipe,
    client: LaunchpadlibClient,
    standin: StandIn,
    world: World,
    keys: Keys,
    signed: Signed,
) -> None:
    files = signed("hello-sru", "1.2-1", "good")
    world.publish("bionic", "hello-sru", "1.2-1", files=files)
    run(recipe, client, keys)
    text = recipe.path.read_text()
    text = text.replace(hashlib.sha256(files["hello-sru_1.2-1.dsc"]).hexdigest(), "1" * 64)
    recipe.path.write_text(text)
    pinned = reader.load(recipe.path)
    asked = len(standin.requests)

    kept = run(pinned, client, keys)
    assert (kept.kept, kept.found, kept.change) == (("hello-sru",), (), "")
    assert len(standin.requests) == asked

    updated = run(pinned, client, keys, update=True)
    assert updated.written
    assert updated.change.count("\n+") == 2, "the diff's header and the hash"
    assert recipe.path.read_text() == text.replace("1" * 64, updated.found[0].pin.sha256)


def test_a_file_with_another_hash_than_the_record_keeps_nothing(
    recipe: Recipe, client: LaunchpadlibClient, world: World, keys: Keys, signed: Signed
) -> None:
    files = signed("hello-sru", "1.2-1", "good")
    world.publish("bionic", "hello-sru", "1.2-1", files=files)
    for path, content in world.files.items():
        if content == files["hello-sru_1.2.orig.tar.gz"]:
            world.files[path] = content + b"x"
    with pytest.raises(HashMismatchError):
        run(recipe, client, keys)
    assert recipe.path.read_text() == RECIPE


def test_a_record_that_disagrees_with_its_dsc_is_refused(
    recipe: Recipe, client: LaunchpadlibClient, world: World, keys: Keys, signed: Signed
) -> None:
    files = {**signed("hello-sru", "1.2-1", "good"), "hello-sru_1.2.orig-extra.tar.gz": b"more"}
    world.publish("bionic", "hello-sru", "1.2-1", files=files)
    with pytest.raises(InputError, match=r"do not agree about hello-sru_1.2.orig-extra.tar.gz"):
        run(recipe, client, keys)


def test_a_dsc_changed_after_signing_is_refused_though_the_hash_fits(
    recipe: Recipe, client: LaunchpadlibClient, world: World, keys: Keys, signed: Signed
) -> None:
    files = signed("hello-sru", "1.2-1", "good")
    name = "hello-sru_1.2-1.dsc"
    files[name] = files[name].replace(b"Architecture: all", b"Architecture: any")
    world.publish("bionic", "hello-sru", "1.2-1", files=files)
    with pytest.raises(InputError, match="its signature is bad"):
        run(recipe, client, keys)
    assert recipe.path.read_text() == RECIPE


def test_a_record_without_a_dsc_is_refused(
    recipe: Recipe, client: LaunchpadlibClient, world: World, keys: Keys
) -> None:
    world.publish("bionic", "hello-sru", "1.2-1", files={"hello-sru_1.2.orig.tar.gz": b""})
    with pytest.raises(InputError, match=r"0 \.dsc files instead of one"):
        run(recipe, client, keys)


@pytest.mark.parametrize("kind", ["reset", "truncated"])
def test_a_download_that_breaks_off_is_tried_again(
    *,
    recipe: Recipe,
    client: LaunchpadlibClient,
    standin: StandIn,
    world: World,
    keys: Keys,
    signed: Signed,
    kind: str,
) -> None:
    world.publish("bionic", "hello-sru", "1.2-1", files=signed("hello-sru", "1.2-1", "good"))
    standin.faults.add(Fault(kind, on="GET /librarian/.*orig"))  # type: ignore[arg-type]
    assert run(recipe, client, keys).written


def test_a_pin_can_be_made_again_offline_from_what_is_kept(
    *,
    recipe: Recipe,
    client: LaunchpadlibClient,
    standin: StandIn,
    world: World,
    keys: Keys,
    signed: Signed,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world.publish("bionic", "hello-sru", "1.2-1", files=signed("hello-sru", "1.2-1", "good"))
    first = run(recipe, client, keys, dry_run=True)
    standin.stop()
    monkeypatch.setenv("BACKPORT_LAUNCHPAD_ROOT", standin.root)
    second = run(recipe, None, keys)
    assert second.found == first.found
    assert second.written


def test_an_unreachable_launchpad_leaves_the_recipe_untouched(
    recipe: Recipe, make_client: MakeClient, keys: Keys
) -> None:
    with StandIn(World()) as gone:
        pass
    with pytest.raises(RemoteError, match="the connection is refused"):
        run(recipe, make_client(root=gone.root), keys)
    with pytest.raises(RemoteError, match="no kept record"):
        run(recipe, None, keys)
    assert recipe.path.read_text() == RECIPE


def test_an_unknown_source_is_a_usage_error(
    recipe: Recipe, client: LaunchpadlibClient, keys: Keys
) -> None:
    with pytest.raises(UsageError, match="'hello' is no source of this recipe"):
        run(recipe, client, keys, sources=("hello",))


def test_an_edit_by_somebody_else_meanwhile_is_not_overwritten(
    recipe: Recipe, client: LaunchpadlibClient, world: World, keys: Keys, signed: Signed
) -> None:
    world.publish("bionic", "hello-sru", "1.2-1", files=signed("hello-sru", "1.2-1", "good"))
    edited = RECIPE.replace("bug = 1", "bug = 2")

    def edit(_: str) -> None:
        recipe.path.write_text(edited)

    with pytest.raises(InputError, match="changed by somebody else"):
        pin(
            recipe,
            client,
            recipe.root / "cache",
            sources=("hello-sru",),
            keyrings=[keys.keyring],
            progress=edit,
        )
    assert recipe.path.read_text() == edited
    assert tomllib.loads(edited)["update"]["bug"] == 2
    assert [one.name for one in recipe.root.glob(".backport*")] == []


def test_the_base_of_each_series_is_pinned_in_its_own_table(
    recipe: Recipe, client: LaunchpadlibClient, world: World, keys: Keys, signed: Signed
) -> None:
    for series, version in (("xenial", "1.2-1"), ("zesty", "1.3-1")):
        made = signed("hello-sru", version, "good")
        own = {name: data for name, data in made.items() if f"_{version[:3]}" in name}
        world.publish(series, "hello-sru", version, files=own)
    text = (
        RECIPE.replace(
            'version = "16.04"\n', 'version = "16.04"\n\n[series.zesty]\nversion = "17.04"\n'
        )
        .replace('    "xenial",           # one a line\n', '    "xenial", "zesty",\n')
        .replace('version="1.2"           # no blanks here\ndebian-version = "1.2-1"\n', "")
    )
    tables = [f'[source.hello-sru.base.{series}]\nversion = "{version}"\n'
              for series, version in (("xenial", "1.2-1"), ("zesty", "1.3-1"))]  # fmt: skip
    recipe.path.write_text(
        text.replace("\n\n# The second", "\n" + "\n".join(tables) + "\n# The second")
    )
    report = run(reader.load(recipe.path, unpinned=True), client, keys)
    again = reader.load(recipe.path)
    source = again.source("hello-sru")
    assert source.base is None
    assert source.bases == {one.series: one.pin for one in report.found}
    assert {name: one.version for name, one in source.bases.items()} == {
        "xenial": "1.2-1",
        "zesty": "1.3-1",
    }
    assert run(again, client, keys).kept == ("hello-sru",)
    text = recipe.path.read_text()
    assert 'version = "1.3-1"\ndsc = "hello-sru_1.3-1.dsc"\n' in text
    assert "\n\n# The second one.\n[source.other-sru]\n" in text
