from __future__ import annotations

import bz2
import gzip
import json
import lzma
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from backport.engine.process import run as run_program
from backport.environments.base import Differing
from backport.errors import InputError
from backport.launchpad.api import credentials
from backport.sru import archive, bundle, check, manifest, run_record, scrub
from tests.sru.runs import Place
from tests.support.source_builder import write_files
from tests.support.upload_server.case import write_credentials

LOG = "test/xenial/alpha.smoke"


def test_evidence_lists_recipe_patches_packages_logs_and_commands(place: Place) -> None:
    made = place.evidence()
    contents = check.load(made.folder)
    files = [path for path in made.folder.rglob("*") if path.is_file()]
    listed = {*contents.files, manifest.FILE}
    assert {str(path.relative_to(made.folder)) for path in files} == listed
    assert check.check(made.archive).faults == check.check(made.folder).faults == ()
    base = contents.base("xenial")
    assert base is not None
    assert (base.kind, base.suite) == ("stand-in", "Debian bullseye")
    assert base.differing == (Differing("python", "2.7.11-1", "2.7.18"),)
    for name in (
        "inputs/backport.toml",
        "inputs/patches/alpha/lock.patch",
        "inputs/autopkgtest/alpha/control",
        "steps/fetch/alpha/alpha-1.0.tar.gz",
        f"steps/build/xenial/alpha/alpha_{place.version('xenial')}_all.deb",
        "steps/build/xenial/alpha/build.log",
        "steps/test/xenial/alpha.renew/artifacts/result.json",
        "steps/test/xenial/alpha.renew-control+unpatched/artifacts/control.json",
    ):
        assert name in contents.files, name
    lines = (made.folder / "steps/source/xenial/alpha/commands.jsonl").read_text().splitlines()
    program, command = (json.loads(line) for line in lines)
    assert (program["program"], program["package"]) == ("tar", "tar")
    assert program["version"]
    assert command["args"] == ["tar", "--version"]
    assert (command["exit_code"], command["log"]) == (0, "source.log")


def test_the_same_steps_give_the_same_bytes_and_others_another_file(place: Place) -> None:
    made = place.evidence()
    before, stamp = made.archive.read_bytes(), made.archive.stat().st_mtime_ns
    again = place.evidence()
    assert (made.fresh, again.fresh) == (True, False)
    assert (again.sha256, again.archive.stat().st_mtime_ns) == (made.sha256, stamp)
    shutil.rmtree(place.store.work / run_record.FOLDER)
    again = place.evidence()
    assert again.fresh
    assert (again.folder, again.archive.read_bytes()) == (made.folder, before)
    place.files[LOG] = {"more": "another log\n"}
    shutil.rmtree(place.store.work / LOG)
    other = place.evidence()
    assert other.folder != made.folder
    assert made.archive.is_file()
    assert (other.archive.parent / "latest").resolve() == other.folder.resolve()


def test_records_of_its_own_uploads_and_tests_are_in_it_and_make_new_evidence(place: Place) -> None:
    made = place.evidence()
    own = {"uploads/xenial_alpha_1.0-1.json", "ppa-test/xenial/alpha@amd64/log.gz",
           "published/xenial/alpha.json", "debdiff/xenial/alpha_1.0-1.debdiff"}  # fmt: skip
    others = {name.replace("alpha", "alphabet") for name in own}
    for name in own | others:
        record = place.store.work / name
        record.parent.mkdir(parents=True, exist_ok=True)
        record.write_text(f'{{"at": "{place.store.work}/source"}}\n')
    again = place.evidence()
    assert again.folder != made.folder
    records = again.folder / "records"
    assert {str(path.relative_to(records)) for path in records.rglob("*") if path.is_file()} == own
    assert {(records / name).read_text() for name in own} == {'{"at": "$WORK/source"}\n'}
    assert check.check(again.archive).faults == ()
    assert not place.evidence().fresh


def test_an_artifacts_name_is_written_out_where_it_commands_and_a_link_is_not_followed(
    place: Place,
) -> None:
    place.files[LOG] = {f"artifacts/{name}": "left by a test\n" for name in ("a\nb", "a\x1b[2J")}
    record = place.run()
    (place.store.work / LOG / "link").symlink_to("/etc/hostname")
    made = bundle.make(place.recipe(), place.store, record, place.cache)
    folder = made.folder / f"steps/{LOG}"
    for shown in ("a\\x0ab", "a\\x1b[2J"):
        assert (folder / "artifacts" / shown).read_text() == "left by a test\n"
    assert check.load(made.folder).links == {f"steps/{LOG}/link": "/etc/hostname"}
    assert not (folder / "link").exists()
    assert check.check(made.archive).faults == ()


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        (f"work/{LOG}/log", lambda path: path.write_bytes(path.read_bytes()[:-5]),
         "smoke/log: this file was changed or cut off after its step had ended"),
        (f"work/{LOG}/invented", lambda path: path.write_text("PASS\n"),
         "invented: this file was put there after its step had ended"),
        (f"work/{LOG}", shutil.rmtree, "not what the last run left"),
        ("recipe/patches/alpha/lock.patch", lambda path: path.write_text("Description: other\n"),
         "changed after this step had run"),
        ("recipe/patches/alpha/out", lambda path: path.symlink_to("/etc/hostname"),
         "this path leads out of the recipe's folder"),
    ],
)  # fmt: skip
def test_what_is_not_as_the_run_left_it_gives_no_evidence(
    place: Place, name: str, change: Callable[[Path], object], message: str
) -> None:
    record = place.run()
    recipe = place.recipe()
    change(place.root / name)
    with pytest.raises(InputError, match=message):
        bundle.make(recipe, place.store, record, place.cache)
    assert not list((place.store.work / run_record.FOLDER).glob("*"))


@pytest.mark.parametrize(
    ("limit", "most", "message"),
    [
        ("sru.archive.MOST_FILES", 20, r"files of 0 MiB are more than .*\(20 files"),
        ("sru.archive.MOST_BYTES", 1 << 10, r"0 MiB\); no evidence is made"),
        (
            "engine.records.read_bytes.__defaults__",
            (4 << 10,),
            "manifest.json: no evidence is made: it has",
        ),
    ],
)
def test_no_evidence_is_made_that_could_not_be_checked(
    place: Place, monkeypatch: pytest.MonkeyPatch, limit: str, most: object, message: str
) -> None:
    record = place.run()
    recipe = place.recipe()
    monkeypatch.setattr(f"backport.{limit}", most)
    with pytest.raises(InputError, match=message):
        bundle.make(recipe, place.store, record, place.cache)
    assert not list((place.store.work / run_record.FOLDER).glob("*"))


PLANTED = {"host": "build-host-7", "home": "/home/alice-b", "token": "k3y-of-launchpad-0815",
           "login": "t0ken-of-launchpad"}  # fmt: skip


def zstd(content: bytes) -> bytes:
    return subprocess.run(["zstd", "-q"], input=content, stdout=subprocess.PIPE, check=True).stdout


@pytest.fixture
def planted(place: Place, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    login = write_credentials(place.root / "login", "http://127.0.0.1:9/", token=PLANTED["login"])
    monkeypatch.setenv(credentials.VARIABLE, str(login))
    monkeypatch.setattr("socket.gethostname", lambda: PLANTED["host"])
    monkeypatch.setenv("HOME", PLANTED["home"])
    monkeypatch.setenv("MY_API_TOKEN", PLANTED["token"])
    monkeypatch.setattr(scrub, "MOST_UNPACKED", 1 << 20)
    return PLANTED


def test_no_secret_host_name_or_home_path_is_in_the_evidence(
    place: Place, planted: dict[str, str]
) -> None:
    place.files[LOG] = {
        "log": f"host {planted['host']}; {planted['home']}/work/x\n"
        "Authorization: Basic QWxhZGRpbg==\n"
        f"token={planted['token']} at {place.store.work}/test\n"
        f"logged in with {planted['login']}\n"
        "http://user:hunter22@proxy.example.org/\n",
        "artifacts/privkey.pem": "-----BEGIN RSA PRIVATE KEY-----\nMIIEow\n"
        "-----END RSA PRIVATE KEY-----\n",
        "artifacts/oauth": 'oauth_token="abcdefgh12345", oauth_signature="%26zyxwvu987"\n',
    }
    made = place.evidence()
    unpacked = archive.unpack(made.archive, place.root / "out").rglob("*")
    content = b"".join(path.read_bytes() for path in unpacked if path.is_file())
    others = ("QWxhZGRpbg", "hunter22", "MIIEow", "abcdefgh12345", "zyxwvu987")
    for value in (*planted.values(), *others):
        assert value.encode() not in content, value
    assert str(place.store.work).encode() not in content
    assert b"host HOST; ~/work/x" in content
    files = check.load(made.folder).files.values()
    assert sum(number for one in files for number in one.removed.values()) >= 9
    assert check.check(made.archive).faults == ()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("deb", b"built in /home/alice-b/src\n", "holds the home path, which cannot be taken out"),
        ("core", b"\xff\xfek3y-of-launchpad-0815", "core: this file holds a secret"),
        *(("deb", pack(bytes(2 << 20)), "more than 1 MiB when it is unpacked")
          for pack in (gzip.compress, bz2.compress, lzma.compress, zstd)),
    ],
)  # fmt: skip
def test_what_must_not_leave_and_cannot_be_taken_out_gives_no_evidence(
    place: Place, planted: dict[str, str], name: str, content: bytes, message: str
) -> None:
    if name == "deb":
        place.debs["build/xenial/alpha"] = content
    else:
        place.files[LOG] = {name: content}
    with pytest.raises(InputError, match=message) as error:
        place.evidence()
    assert not [value for value in planted.values() if value in str(error.value.what)]
    assert not list((place.store.work / run_record.FOLDER).glob("*"))


@pytest.mark.usefixtures("planted")
def test_what_zstd_has_compressed_in_a_deb_is_looked_into(place: Place) -> None:
    control = "Package: alpha\nVersion: 1\nArchitecture: all\nMaintainer: A\nDescription: a\n"
    tree = write_files(place.root / "tree", {"DEBIAN/control": control, "data": PLANTED["token"]})
    deb = place.root / "alpha.deb"
    run_program(["dpkg-deb", "-Zzstd", "--build", tree, deb])
    place.debs["build/xenial/alpha"] = deb.read_bytes()
    with pytest.raises(InputError, match="holds a secret of the environment"):
        place.evidence()


@pytest.mark.parametrize("before", ["", "--input=", "-I", "file:", "/srv/chroot"])
def test_names_and_paths_are_taken_out_as_words_whatever_stands_before_them(
    before: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: "vm")
    monkeypatch.setenv("HOME", "/home/me")
    needles = scrub.needles({})
    text = f"the vmlinuz of lvm is on vm\nrun {before}/home/me/x in /home/meadow\n"
    done = scrub.scrub(text.encode(), needles).content.decode()
    assert done == f"the vmlinuz of lvm is on HOST\nrun {before}~/x in /home/meadow\n"
    assert scrub.seen(f"{before}/home/me/x".encode(), needles) == "the home path"
    # What names nobody may be in a package.
    monkeypatch.setenv("HOME", "/root")
    assert scrub.seen(b"vm in /root", scrub.needles({})) == ""
