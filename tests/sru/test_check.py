from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backport import cli
from backport.errors import InputError, MachineError
from backport.sru import archive, check, manifest, signature
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
         f"{LOG}: it was changed: it does not have the sha256 of the manifest"),
        (lambda path: path.write_bytes(path.read_bytes()[:7]),
         f"{LOG}: it is cut off: 7 of SIZE bytes are there"),
        (lambda path: path.chmod(0o755),
         f"{LOG}: it was changed: its mode is not that of the manifest"),
        (lambda path: path.unlink(), f"{LOG}: it is missing"),
        (lambda path: path.with_name("more").write_text("PASS\n"),
         f"{LOG.removesuffix('log')}more: the manifest does not know this file"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_file_is_named_in_a_folder_and_in_an_archive(
    copy: Path, tmp_path: Path, change: Callable[[Path], object], fault: str
) -> None:
    path = copy / LOG
    expected = [fault.replace("SIZE", str(path.stat().st_size))]
    change(path)
    assert faults(copy) == expected
    assert faults(repacked(copy, tmp_path)) == expected


def test_a_changed_manifest_is_refused(copy: Path) -> None:
    path = copy / manifest.FILE
    text = path.read_text()
    # It stays a manifest: one that says that the tests ran on Ubuntu.
    forged = text.replace('"kind": "stand-in"', '"kind": "ubuntu"', 1)
    assert forged != text
    path.write_text(forged)
    with pytest.raises(InputError, match="does not have the hash that it says"):
        check.check(copy)


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


def rewritten(copy: Path, change: str, value: object) -> None:
    """Change a manifest as somebody would who also mends its hash; `change` is STEP/FIELD."""
    path = copy / manifest.FILE
    data = json.loads(path.read_text())
    name, _, field = change.rpartition(":")
    (step,) = (one for one in data["steps"] if one["name"] == name)
    step[field] = value
    write(path, data)


def write(path: Path, data: dict[str, Any]) -> None:
    """Write a manifest with its own hash."""
    del data["sha256"]
    data["sha256"] = manifest.digest_of(data)
    path.write_text(json.dumps(data, indent=1, sort_keys=True) + "\n")


def test_a_step_whose_inputs_do_not_make_its_key_is_of_another_run(copy: Path) -> None:
    rewritten(copy, "build/xenial/alpha:needs", ["base/xenial"])
    assert any("evidence of another run" in fault for fault in faults(copy))


def test_an_output_that_the_step_did_not_record_is_named(copy: Path) -> None:
    name = "build/xenial/alpha"
    data = json.loads((copy / manifest.FILE).read_text())
    (step,) = (one for one in data["steps"] if one["name"] == name)
    (deb,) = step["outputs"]
    rewritten(copy, f"{name}:outputs", {deb: "0" * 64})
    found = faults(copy)
    assert f"steps/{name}/{deb}: it is not the output that its step recorded" in found
    assert f"{name}: its outputs are not those that its hash speaks of" in found


@pytest.mark.parametrize("line", ["{", "[" * 100_000, "\udcff"])
def test_a_record_of_commands_that_cannot_be_read_is_named(copy: Path, line: str) -> None:
    name = LOG.replace("/log", "/commands.jsonl")
    (copy / name).write_text(line, errors="surrogateescape")
    assert f"{name}: the record of its commands cannot be read" in faults(copy)


def test_a_test_that_passed_without_a_log_is_a_fault(copy: Path) -> None:
    path = copy / manifest.FILE
    data = json.loads(path.read_text())
    del data["files"][LOG]
    write(path, data)
    (copy / LOG).unlink()
    assert faults(copy) == ["test/xenial/alpha.smoke: it passed, but its log is missing: log"]


# ------------------------------------------------------------------------------ signatures


@pytest.fixture(scope="module")
def gpg_home() -> Iterator[Path]:
    # The agent's socket lies in here, and a socket's path may have 107 characters (unix(7)).
    home = Path(tempfile.mkdtemp(prefix="gpg-"))
    home.chmod(0o700)
    try:
        for who in ("signer", "stranger"):
            subprocess.run(
                ["gpg", "--homedir", home, "--batch", "--quiet", "--pinentry-mode", "loopback",
                 "--passphrase", "", "--quick-generate-key", f"{who} <{who}@example.org>",
                 "ed25519", "sign", "0"],
                check=True,
                capture_output=True,
            )  # fmt: skip
        yield home
    finally:
        subprocess.run(["gpgconf", "--homedir", home, "--kill", "all"], check=False)
        shutil.rmtree(home, ignore_errors=True)


def public(home: Path, who: str, out: Path) -> Path:
    with out.open("wb") as file:
        subprocess.run(
            ["gpg", "--homedir", home, "--batch", "--export", f"{who}@example.org"],
            check=True,
            stdout=file,
        )
    return out


def test_signed_evidence_is_good_for_its_key_and_no_other(
    place: Place, gpg_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GNUPGHOME", str(gpg_home))
    made = place.evidence(sign=lambda path: signature.sign(path, "signer@example.org"))
    monkeypatch.setenv("GNUPGHOME", str(tmp_path))
    signer = public(gpg_home, "signer", tmp_path / "signer.gpg")
    stranger = public(gpg_home, "stranger", tmp_path / "stranger.gpg")
    good = check.check(made.archive, keyring=signer)
    assert (good.faults, good.signed.state) == ((), "good")
    assert "signer@example.org" in good.signed.who
    assert [fault.place for fault in check.check(made.archive, keyring=stranger).faults] == [
        manifest.SIGNATURE
    ]
    unknown = check.check(made.archive)
    assert (unknown.faults, unknown.signed.state) == ((), "unknown key")
    assert "not known here" in unknown.notes[-1]


def test_a_signature_of_another_manifest_is_a_fault(
    place: Place, copy: Path, gpg_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GNUPGHOME", str(gpg_home))
    made = place.evidence(sign=lambda path: signature.sign(path, "signer@example.org"))
    write(copy / manifest.FILE, json.loads((copy / manifest.FILE).read_text()) | {"bug": 2})
    shutil.copy(made.folder / manifest.SIGNATURE, copy)
    keyring = public(gpg_home, "signer", tmp_path / "signer.gpg")
    found = check.check(copy, keyring=keyring)
    assert found.signed.state == "bad"
    assert str(found.faults[-1]).endswith("not one of this manifest")


def test_a_key_that_is_not_there_ends_in_a_sentence_and_nothing_is_left(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "empty"
    home.mkdir(mode=0o700)
    monkeypatch.setenv("GNUPGHOME", str(home))
    with pytest.raises(MachineError, match="gpg cannot sign with the key nobody@"):
        place.evidence(sign=lambda path: signature.sign(path, "nobody@example.org"))
    assert not list((place.store.work / "evidence").glob("*.tar.zst"))


def test_unsigned_evidence_is_not_what_a_keyring_asks_for(
    copy: Path, gpg_home: Path, tmp_path: Path
) -> None:
    keyring = public(gpg_home, "signer", tmp_path / "signer.gpg")
    found = check.check(copy, keyring=keyring)
    assert [str(fault) for fault in found.faults] == [
        "manifest.json.asc: it is not signed, and not by a key of signer.gpg"
    ]


# ---------------------------------------------------------------------------- the command


def test_the_command_tells_what_it_found(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    packed = repacked(folder, tmp_path)
    assert cli.main(["evidence", "check", str(packed)]) == 0
    said = capsys.readouterr().out
    assert "whole and unchanged" in said
    assert hashlib.sha256(packed.read_bytes()).hexdigest() in said
    assert "stand-in (Debian bullseye)" in said


def test_the_command_ends_with_3_where_something_is_wrong(
    copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (copy / LOG).write_text("")
    assert cli.main(["evidence", "check", str(copy), "--json"]) == 3
    data = json.loads(capsys.readouterr().out)
    assert [one["place"] for one in data["faults"]] == [LOG]
