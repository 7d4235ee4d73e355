from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backport import cli
from backport.errors import InputError
from backport.sru import archive, check, manifest
from tests.fuzz.readers import LARGE, MANIFEST, STEP
from tests.sru.runs import Place

LOG = "steps/test/xenial/alpha.smoke/log"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Place(tmp_path_factory.mktemp("evidence")).evidence().folder


@pytest.fixture
def copy(folder: Path, tmp_path: Path) -> Path:
    """Evidence that a test may damage."""
    shutil.copytree(folder, tmp_path / "copy")
    return tmp_path / "copy"


def faults(path: Path) -> list[str]:
    return [str(fault) for fault in check.check(path).faults]


def repacked(folder: Path, tmp_path: Path) -> Path:
    return archive.pack(folder, tmp_path / "evidence.tar.zst", "evidence")


# ----------------------------------------------------------------------------- damage


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda path: path.write_bytes(path.read_bytes().swapcase()),
         f"{LOG}: it was changed: it does not have the size and sha256 of the manifest"),
        (lambda path: path.chmod(0o755),
         f"{LOG}: it was changed: its mode is not that of the manifest"),
        (lambda path: path.unlink(), f"{LOG}: it is missing"),
        (lambda path: path.with_name("more").write_text("PASS\n"),
         f"{LOG.removesuffix('log')}more: the manifest does not know this file"),
        *((lambda path, line=line: path.with_name("commands.jsonl").write_bytes(line),
           f"{LOG.removesuffix('log')}commands.jsonl: the record of its commands cannot be read")
          for line in (b"{", b"[" * 100_000, b"\xff")),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_file_is_named_in_a_folder_and_in_an_archive(
    copy: Path, tmp_path: Path, change: Callable[[Path], object], fault: str
) -> None:
    path = copy / LOG
    change(path)
    assert fault in faults(copy)
    assert faults(copy) == faults(repacked(copy, tmp_path))


@given(place=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
@settings(max_examples=25)
def test_any_changed_bit_of_the_manifest_is_seen(folder: Path, place: float, bit: int) -> None:
    content = bytearray((folder / manifest.FILE).read_bytes())
    content[int(place * len(content))] ^= 1 << bit
    with pytest.raises(InputError):
        manifest.read(bytes(content), "manifest.json")


@given(place=st.floats(0, 1, exclude_max=True))
@settings(max_examples=8)
def test_any_changed_byte_of_the_archive_is_seen(folder: Path, place: float) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        packed = repacked(folder, Path(scratch))
        content = bytearray(packed.read_bytes())
        content[int(place * len(content))] ^= 0xFF
        packed.write_bytes(content)
        try:
            found = check.check(packed)
        except InputError:
            return
        assert found.faults


def test_an_archive_that_is_cut_off_is_refused_with_the_place(folder: Path, tmp_path: Path) -> None:
    packed = repacked(folder, tmp_path)
    packed.write_bytes(packed.read_bytes()[:-40])
    with pytest.raises(InputError, match=r"damaged or cut off at \S+"):
        check.check(packed)


def test_what_is_no_evidence_is_said_to_be_none(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no evidence here"):
        check.check(tmp_path / "nothing")
    with pytest.raises(InputError, match=r"it has no manifest\.json"):
        check.check(tmp_path)


# ------------------------------------------------------ manifests that agree with themselves


def rewrite(copy: Path, change: Callable[[dict[str, Any], dict[str, Any]], object]) -> None:
    """Change a manifest as somebody would who also mends its hash; `change` has the steps too."""
    path = copy / manifest.FILE
    data = json.loads(path.read_text())
    change(data, {step["name"]: step for step in data["steps"]})
    del data["sha256"]
    data["sha256"] = manifest.digest_of(data)
    path.write_text(json.dumps(data, indent=1, sort_keys=True) + "\n")


SMOKE, BUILD = "test/xenial/alpha.smoke", "build/xenial/alpha"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda _, steps: steps[BUILD].update(needs=["base/xenial"]),
         f"{BUILD}: its key is not that of its inputs: evidence of another run"),
        (lambda _, steps: steps[BUILD].update(needs=["build/xenial/beta"]),
         f"{BUILD}: the step that it needs is not there: build/xenial/beta"),
        (lambda _, steps: steps[BUILD].update(outputs={}),
         f"{BUILD}: its outputs are not those that its hash speaks of"),
        (lambda _, steps: steps[BUILD].update(outputs={"a.deb": "0" * 64}),
         f"steps/{BUILD}/a.deb: it is not the output that its step recorded"),
        (lambda _, steps: steps[SMOKE].update(key=""),
         f"{SMOKE}: it passed, but it has no key: it never ran"),
        (lambda data, _: data["files"].pop(LOG),
         f"{SMOKE}: it passed, but its log is missing: log"),
    ],
)  # fmt: skip
def test_a_manifest_that_agrees_with_itself_and_not_with_its_steps_is_faulty(
    copy: Path, change: Callable[[dict[str, Any], dict[str, Any]], object], said: str
) -> None:
    rewrite(copy, change)
    assert said in faults(copy)


# ----------------------- manifests whose hash is right, but that say what no evidence may

FILE = {"size": 1, "sha256": "0" * 64}


def manifest_text(data: dict[str, Any]) -> bytes:
    """The manifest with its own hash."""
    plain = {key: value for key, value in data.items() if key != "sha256"}
    whole = {**plain, "sha256": manifest.digest_of({**plain, "format": manifest.FORMAT})}
    return (json.dumps(whole, indent=1, sort_keys=True) + "\n").encode()


def test_the_manifest_that_is_changed_here_is_right() -> None:
    assert manifest.read(manifest_text(MANIFEST), "manifest.json").update == "small"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"update": ".."}, "is no name of an update"),
        ({"update": "a/b"}, "is no name of an update"),
        ({"update": "a\x1b[2J"}, "is no name of an update"),
        *(
            ({"files": {name: FILE}}, "is no path of evidence")
            for name in ("", ".", "..", "a/../b", "/a", "a//b", "a\0b", "a\nb", "a" * 256, "\u202e")
        ),
        ({"links": {"../a": "b"}}, "is no path of evidence"),
        ({"matrix": ["../a"]}, "is no path of evidence"),
        ({"recipe": "/etc/passwd"}, "is no path of evidence"),
        ({"steps": [{**STEP, "folder": "../a"}]}, "is no path of evidence"),
        ({"steps": [{**STEP, "kind": "other"}]}, "is no step"),
        ({"steps": [{**STEP, "started": 1e300}]}, "is no step"),
        ({"steps": {"a": STEP}}, "not a list"),
        ({"steps": [{**STEP, "needs": "build"}]}, "not a list"),
        ({"steps": [{**STEP, "outputs": []}]}, "not an object"),
        ({"files": {"a": {**FILE, "sha256": "0"}}}, "is no sha256"),
        ({"files": {"a": {**FILE, "size": -1}}}, "is no sha256"),
        ({"files": LARGE}, "is larger than a file beside a recipe may be"),
        ({"versions": ["1.0-1"]}, "not an object"),
        ({"more": 1}, "unknown key"),
        ({"format": 1}, "has the format 1, and this toolkit reads"),
    ],
)
def test_what_no_evidence_may_say_is_refused(change: dict[str, Any], said: str) -> None:
    data = {**MANIFEST, **change}
    content = manifest_text(data)
    if "format" in change:
        content = content.replace(b'"format": 3', b'"format": 1')
    with pytest.raises(InputError, match=said) as caught:
        manifest.read(content, "manifest.json")
    assert caught.value.where == "manifest.json"


# ---------------------------------------------------------------------------- the command


def test_the_command_tells_what_it_found_and_ends_with_3_where_something_is_wrong(
    copy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    packed = repacked(copy, tmp_path)
    assert cli.main(["evidence", "check", str(packed)]) == 0
    said = capsys.readouterr().out
    for words in ("whole and unchanged", "stand-in (Debian bullseye)",
                  hashlib.sha256(packed.read_bytes()).hexdigest()):  # fmt: skip
        assert words in said
    (copy / LOG).write_text("")
    assert cli.main(["evidence", "check", str(copy), "--json"]) == 3
    data = json.loads(capsys.readouterr().out)
    assert [one["place"] for one in data["faults"]] == [LOG]


@pytest.mark.parametrize("words", [["check"], ["make", "x"], ["--rerun", "fetch/alpha"]])
def test_a_check_and_nothing_else_takes_a_file(words: list[str]) -> None:
    assert cli.main(["evidence", *words]) == 2
