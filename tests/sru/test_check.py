from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backport import cli
from backport.engine.step import StepId
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


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda path: path.write_bytes(path.read_bytes().swapcase()),
         f"{LOG}: it was changed: its size or sha256 is not that of the manifest"),
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


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda old: old[:-40], r"damaged or cut off at \S+"),
        (lambda old: old[:-40] + bytes([old[-40] ^ 1]) + old[-39:], "no usable evidence"),
    ],
)
def test_an_archive_that_is_cut_off_or_changed_is_refused(
    folder: Path, tmp_path: Path, damage: Callable[[bytes], bytes], message: str
) -> None:
    packed = repacked(folder, tmp_path)
    packed.write_bytes(damage(packed.read_bytes()))
    with pytest.raises(InputError, match=message):
        check.check(packed)


def test_what_is_no_evidence_is_said_to_be_none(tmp_path: Path) -> None:
    for path in (tmp_path / "nothing", tmp_path):
        with pytest.raises(InputError, match="there is no evidence here"):
            check.check(path)


def rewrite(copy: Path, change: Callable[[dict[str, Any], dict[str, Any]], object]) -> None:
    """Change a manifest as somebody would who also mends its hash; `change` has the steps too."""
    path = copy / manifest.FILE
    data = json.loads(path.read_text())
    change(data, {step["record"]["name"]: step for step in data["steps"]})
    del data["sha256"]
    data["sha256"] = manifest.digest_of(data)
    path.write_text(json.dumps(data, indent=1, sort_keys=True) + "\n")


SMOKE, BUILD = "test/xenial/alpha.smoke", "build/xenial/alpha"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda _, steps: steps[BUILD]["step"].update(needs=[asdict(StepId("base", "xenial"))]),
         f"{BUILD}: its key is not that of its inputs: evidence of another run"),
        (lambda _, steps: steps[BUILD]["step"].update(needs=[asdict(StepId("fetch", source="b"))]),
         f"{BUILD}: the step that it needs is not there: fetch/b"),
        (lambda _, steps: steps[BUILD]["record"].update(outputs={}),
         f"{BUILD}: its outputs are not those that its hash speaks of"),
        (lambda _, steps: steps[BUILD]["record"].update(outputs={"a.deb": [1, 1, "0" * 64]}),
         f"steps/{BUILD}/a.deb: it is not the output that its step recorded"),
        (lambda _, steps: steps[SMOKE]["record"].update(key=""),
         f"{SMOKE}: it passed, but it has no key: it never ran"),
        (lambda data, _: data["files"].pop(LOG),
         f"{SMOKE}: it passed, but its log is missing: log"),
    ],
)  # fmt: skip
def test_a_manifest_that_agrees_with_itself_and_not_with_its_steps_is_faulty(
    copy: Path, change: Callable[[dict[str, Any], dict[str, Any]], object], message: str
) -> None:
    rewrite(copy, change)
    assert message in faults(copy)


FILE = {"size": 1, "sha256": "0" * 64}


def manifest_text(data: dict[str, Any]) -> bytes:
    """The manifest with its own hash."""
    plain = {key: value for key, value in data.items() if key != "sha256"}
    whole = {**plain, "sha256": manifest.digest_of({**plain, "format": manifest.FORMAT})}
    return (json.dumps(whole, indent=1, sort_keys=True) + "\n").encode()


def of_step(part: str, **values: object) -> dict[str, Any]:
    """A change of the manifest: its step has other values in one of its parts."""
    return {"steps": [{**STEP, part: {**STEP[part], **values}}]}


def test_the_manifest_that_is_changed_here_is_right() -> None:
    assert manifest.read(manifest_text(MANIFEST), "manifest.json").update == "small"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"update": ".."}, "is no name of an update"),
        *(
            ({"files": {name: FILE}}, "is no path of evidence")
            for name in ("", ".", "..", "a/../b", "/a", "a//b", "a\0b", "a\nb", "a" * 256, "\u202e")
        ),
        ({"links": {"../a": "b"}}, "is no path of evidence"),
        ({"matrix": ["../a"]}, "is no path of evidence"),
        ({"recipe": "/etc/passwd"}, "is no path of evidence"),
        (of_step("step", id={"kind": "test", "series": ".."}), "is no step"),
        (of_step("step", id={"kind": "other"}), "is no step"),
        (of_step("record", started=1e300), "is no step"),
        ({"files": {"a": {**FILE, "sha256": "0"}}}, "is no sha256"),
        ({"files": {"a": {**FILE, "size": -1}}}, "is no sha256"),
        ({"files": LARGE}, "is larger than a file beside a recipe may be"),
        ({"more": 1}, "unknown key"),
        ({"format": 1}, "has the format 1, and this toolkit reads"),
    ],
)
def test_what_no_evidence_may_say_is_refused(change: dict[str, Any], message: str) -> None:
    data = {**MANIFEST, **change}
    content = manifest_text(data)
    if "format" in change:
        content = content.replace(b'"format": 4', b'"format": 1')
    with pytest.raises(InputError, match=message) as caught:
        manifest.read(content, "manifest.json")
    assert caught.value.where == "manifest.json"


def test_the_command_tells_what_it_found_and_ends_with_3_where_something_is_wrong(
    copy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    packed = repacked(copy, tmp_path)
    assert cli.main(["evidence", "check", str(packed)]) == 0
    out = capsys.readouterr().out
    for words in ("whole and unchanged", "stand-in (Debian bullseye)",
                  hashlib.sha256(packed.read_bytes()).hexdigest()):  # fmt: skip
        assert words in out
    (copy / LOG).write_text("")
    assert cli.main(["evidence", "check", str(copy), "--json"]) == 3
    data = json.loads(capsys.readouterr().out)
    assert [one["place"] for one in data["faults"]] == [LOG]


@pytest.mark.parametrize("words", [["check"], ["make", "x"], ["--rerun", "fetch/alpha"]])
def test_a_check_and_nothing_else_takes_a_file(words: list[str]) -> None:
    assert cli.main(["evidence", *words]) == 2
