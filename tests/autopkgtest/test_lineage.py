from __future__ import annotations

import datetime
import itertools
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.autopkgtest.support import library, signing_request

acme_x509: Any = library("acme_x509")
lineage: Any = library("lineage")

NAME = "www.example.org"
KINDS = ("cert", "privkey", "chain", "fullchain")
VERSIONS = (1, 2, 3)
FILES = [f"{kind}{number}.pem" for kind in KINDS for number in VERSIONS]


def make_lineage(config: Path) -> None:
    """Write a lineage of three versions, each from an issuer of its own, as certbot does."""
    archive, live, renewal = (config / part for part in ("archive", "live", "renewal"))
    for directory in (archive / NAME, live / NAME, renewal):
        directory.mkdir(parents=True)
    for number in VERSIONS:
        _, issuer = acme_x509.new_chain()
        key = acme_x509.new_key()
        request = acme_x509.read_request(signing_request(NAME, key=key))
        issued = acme_x509.issue(
            issuer, request, acme_x509.utc_now(), datetime.timedelta(days=90), "http://127.0.0.1"
        )
        cert = acme_x509.to_pem(acme_x509.read_certificate(issued.der))
        chain = acme_x509.to_pem(issuer.certificate)
        parts = {
            "cert": cert,
            "privkey": acme_x509.to_pem(key),
            "chain": chain,
            "fullchain": cert + chain,
        }
        for kind, content in parts.items():
            (archive / NAME / f"{kind}{number}.pem").write_bytes(content)
    for kind in KINDS:
        (live / NAME / f"{kind}.pem").symlink_to(f"../../archive/{NAME}/{kind}{VERSIONS[-1]}.pem")
    (renewal / f"{NAME}.conf").write_text("version = 0.10.2\n")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    config = tmp_path_factory.mktemp("lineage") / "config"
    make_lineage(config)
    return config


class Copy:
    """A copy of a lineage to break; gone at the end of the with block."""

    def __init__(self, original: Path) -> None:
        self.original = original

    def __enter__(self) -> Path:
        self.parent = Path(tempfile.mkdtemp())
        return Path(shutil.copytree(self.original, self.parent / "config", symlinks=True))

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self.parent)


def kinds(config: Path) -> set[str]:
    return {finding.kind for finding in lineage.check(str(config), NAME)}


def test_a_whole_lineage_has_no_findings(whole: Path) -> None:
    assert lineage.check(str(whole), NAME) == []
    assert lineage.check_all(str(whole)) == {NAME: []}
    assert lineage.versions(str(whole), NAME) == list(VERSIONS)


@pytest.mark.parametrize(("first", "second"), list(itertools.combinations(FILES, 2)))
def test_any_two_swapped_files_are_found(first: str, second: str, whole: Path) -> None:
    with Copy(whole) as config:
        archive = config / "archive" / NAME
        (archive / first).rename(archive / "kept")
        (archive / second).rename(archive / first)
        (archive / "kept").rename(archive / second)

        assert kinds(config) & {"mismatch", "fullchain", "chain", "unreadable"}


# Each example copies files and reads keys.
FEWER = settings(max_examples=30)


@FEWER
@given(st.sampled_from(KINDS), st.sampled_from([*FILES, "missing.pem", "cert4.pem", "/etc/passwd"]))
def test_any_link_that_points_elsewhere_is_found(whole: Path, kind: str, target: str) -> None:
    assume(target != f"{kind}{VERSIONS[-1]}.pem")
    with Copy(whole) as config:
        link = config / "live" / NAME / f"{kind}.pem"
        link.unlink()
        link.symlink_to(os.path.join(f"../../archive/{NAME}", target))  # noqa: PTH118

        assert kinds(config) & {"mixed-links", "wrong-link", "foreign-link", "dangling-link"}


@given(st.sampled_from(FILES))
def test_any_missing_file_is_found(whole: Path, name: str) -> None:
    with Copy(whole) as config:
        (config / "archive" / NAME / name).unlink()

        assert "missing-file" in kinds(config)


@FEWER
@given(st.sampled_from(FILES), st.floats(0, 0.99))
def test_any_file_that_was_cut_short_is_found(whole: Path, name: str, part: float) -> None:
    with Copy(whole) as config:
        path = config / "archive" / NAME / name
        content = path.read_bytes()
        path.write_bytes(content[: int(len(content) * part)])

        assert kinds(config) & {"unreadable", "fullchain"}


def break_lineage(config: Path) -> Iterator[tuple[str, Path]]:
    """Break one thing after the other; yields the kind of finding that it must give."""
    archive, live = config / "archive" / NAME, config / "live" / NAME
    conf = config / "renewal" / f"{NAME}.conf"
    (config / "renewal" / f"{NAME}.conf.new").write_text("left")
    yield "left-over", conf
    conf.write_text("")
    yield "no-renewal", conf
    conf.unlink()
    yield "no-renewal", conf
    (archive / "cert3.pem.tmp").write_text("")
    yield "strange-file", archive
    for kind in KINDS:
        shutil.copy(archive / f"{kind}3.pem", archive / f"{kind}5.pem")
    yield "gap", archive
    yield "same-certificate", archive
    yield "old-links", live
    for kind in KINDS:
        content = (live / f"{kind}.pem").read_bytes()
        (live / f"{kind}.pem").unlink()
        (live / f"{kind}.pem").write_bytes(content)
    yield "no-link", live
    shutil.rmtree(archive)
    archive.mkdir()
    yield "no-version", archive
    archive.rmdir()
    yield "no-archive", archive


def test_each_thing_that_can_be_wrong_has_a_finding_of_its_own(whole: Path) -> None:
    with Copy(whole) as config:
        for kind, _ in break_lineage(config):
            assert kind in kinds(config)


def test_a_finding_is_a_sentence_that_names_what_is_wrong(whole: Path) -> None:
    with Copy(whole) as config:
        shutil.copy(
            config / "archive" / NAME / "privkey1.pem", config / "archive" / NAME / "privkey3.pem"
        )

        [finding] = lineage.check(str(config), NAME)

        assert finding.kind == "mismatch"
        assert str(finding) == "The certificate and the private key of version 3 do not match."


def test_a_chain_of_another_issuer_is_found_though_fullchain_agrees(whole: Path) -> None:
    with Copy(whole) as config:
        archive = config / "archive" / NAME
        shutil.copy(archive / "chain1.pem", archive / "chain2.pem")
        both = (archive / "cert2.pem").read_bytes() + (archive / "chain1.pem").read_bytes()
        (archive / "fullchain2.pem").write_bytes(both)

        assert kinds(config) == {"chain"}


def test_on_the_command_line_findings_are_printed_and_counted(
    whole: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Copy(whole) as config:
        assert lineage.main([str(config)]) == 0
        (config / "archive" / NAME / "chain2.pem").unlink()
        assert lineage.main([str(config), NAME]) == 1
        assert lineage.main([str(config / "archive")]) == 2
        assert lineage.main([]) == 2

    assert capsys.readouterr().out == f"Version 2 of {NAME} lacks chain.\n"
