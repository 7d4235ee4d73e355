"""The maintainer's one command, as it is called: scripts/upload-ppa, to stand-ins on loopback.

gpg, dput and sftp are the real ones, and so are the builds and the tests.
"""

from __future__ import annotations

import json
import os
import pty
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.small_recipes import (
    Small,
    add_patch,
    append,
    begin,
    matrix_row,
    say_in_the_changelog,
)
from tests.e2e.support import CHECKOUT, Place, Ran, environment
from tests.support.launchpad_server import StandIn
from tests.support.launchpad_server.world_builds import Farm
from tests.support.launchpad_server.world_ppa import Ppas
from tests.support.upload_server import FtpServer, SftpServer
from tests.support.upload_server.case import OWNER, PPA, SECRET, TOKEN, write_credentials
from tests.support.upload_server.fixtures import (
    end_agent,
    fingerprint_of,
    gnupg_home,
    new_key,
    world,
)
from tests.support.upload_server.intake import Intake

SERIES = "noble"
VERSION = "1.0-1ubuntu0.1~ppa1"
HELPER, GREETER = Small("helper"), Small("greeter")
PASSPHRASE = "a passphrase that nobody may see"
FARM_SECONDS = 400.0
"""How many seconds pass on the build farm in one of ours."""


@dataclass
class Launchpad:
    """A Launchpad with a PPA and a farm, its two upload servers, and a user of it."""

    place: Place
    ppas: Ppas
    intake: Intake
    sftp: SftpServer
    variables: dict[str, str]
    said: list[str] = field(default_factory=list)

    def script(self, *args: str, stdin: int = subprocess.DEVNULL, **variables: str) -> Ran:
        """Run scripts/upload-ppa to its end; `variables` are added to the environment."""
        place = self.place
        own = ["--recipe", place.root / "backport.toml", "--work", place.work]
        own += ["--cache", place.cache, "--base", "stand-in"]
        done = subprocess.run(
            [CHECKOUT / "scripts/upload-ppa", *own, *args],
            env=environment() | self.variables | variables,
            stdin=stdin,
            capture_output=True,
            text=True,
            check=False,
        )
        self.said += [done.stdout, done.stderr]
        return Ran(done.returncode, done.stdout, done.stderr)

    def answered(self, answer: str) -> Ran:
        """Run it on a terminal where somebody answers its question."""
        keyboard, terminal = pty.openpty()
        try:
            os.write(keyboard, f"{answer}\n".encode())
            return self.script(stdin=terminal)
        finally:
            os.close(keyboard)
            os.close(terminal)

    def in_ppa(self) -> list[str]:
        """The sources of the PPA, in the order of their coming."""
        return [
            f"{one.values['source_package_name']} {one.values['source_package_version']}"
            for one in self.ppas.world.all("source_package_publishing_history")
            if str(one.values["archive_link"]).startswith(f"/~{OWNER}/")
        ]

    def brought(self) -> list[set[str]]:
        """The sources whose files each connection has brought."""
        return [
            {Path(name).name.partition("_")[0] for name in session}
            for session in self.intake.sessions
        ]

    def record(self, small: Small) -> Any:
        """The record of an upload."""
        path = self.place.work / f"uploads/{SERIES}_{small.name}_{VERSION}.json"
        return json.loads(path.read_text())


@pytest.fixture
def gnupg() -> Iterator[Path]:
    """A home with a key of the maintainer, that has a passphrase; no agent knows it."""
    with gnupg_home() as home:
        new_key(home, "tester", passphrase=PASSPHRASE)
        end_agent(home)
        yield home


@pytest.fixture
def launchpad(place: Place, gnupg: Path, tmp_path: Path) -> Iterator[Launchpad]:
    there = world()
    there.tokens = {TOKEN}
    ppas = Ppas(there)
    ppas.person(OWNER, [fingerprint_of(gnupg, "tester@example.org")])
    ppas.ppa(OWNER, PPA)
    ppas.farm = farm = Farm(there)
    ppas.steps = 330.0
    began = time.monotonic()

    def turn_the_clock() -> None:
        farm.now = (time.monotonic() - began) * FARM_SECONDS

    there.before.insert(0, turn_the_clock)
    secret = tmp_path / "passphrase"
    secret.write_text(PASSPHRASE)
    secret.chmod(0o600)
    intake = Intake(ppas, gnupg)
    with StandIn(there) as standin, FtpServer(intake) as ftp, SftpServer(intake) as sftp:
        variables = {
            "BACKPORT_LAUNCHPAD_ROOT": standin.root,
            "BACKPORT_LAUNCHPAD_CREDENTIALS": str(
                write_credentials(tmp_path / "credentials", standin.root)
            ),
            "BACKPORT_UPLOAD_SERVER": ftp.address,
            "BACKPORT_SSH_OPTIONS": sftp.options,
            "BACKPORT_POLL_SECONDS": "0.2",
            "BACKPORT_GPG_PASSPHRASE_FILE": str(secret),
            "GNUPGHOME": str(gnupg),
        }
        yield Launchpad(place, ppas, intake, sftp, variables)


def begin_recipe(launchpad: Launchpad) -> None:
    """A patched program that needs another one, which is patched too; Debian has both."""
    place = launchpad.place
    recipe = place.root / "backport.toml"
    tables = []
    for small in (GREETER, HELPER):
        # What init has written for the first one would not be overwritten.
        for path in (recipe, place.root / "stand-in.toml"):
            path.unlink(missing_ok=True)
        shutil.rmtree(place.root / "autopkgtest", ignore_errors=True)
        begin(place, small, SERIES)
        add_patch(place, small, '"hello"', '"hello, noble"')
        say_in_the_changelog(place, "Greet the series (greeting.patch).")
        text = recipe.read_text()
        tables.append(text[text.index(f"[source.{small.name}]") : text.index("[matrix]")])
    append(place, tables[0].replace("[source.greeter]\n", '[source.greeter]\nneeds = ["helper"]\n'))
    append(place, matrix_row(GREETER))
    text = recipe.read_text()
    recipe.write_text(text.replace("[update]\n", f'[update]\nppa = "{OWNER}/{PPA}"\n', 1))
    for small in (GREETER, HELPER):
        files = (place.root / "archive").glob(f"{small.name}_*")
        content = {path.name: path.read_bytes() for path in files if path.is_file()}
        launchpad.ppas.world.publish(
            "sid", small.name, "1.0-1", distribution="debian", files=content
        )


def test_one_command_builds_asks_uploads_goes_on_after_a_break_and_waits(
    launchpad: Launchpad,
) -> None:
    place, uploads = launchpad.place, launchpad.place.work / "uploads"
    begin_recipe(launchpad)

    # Nobody is there to be asked: nothing is begun.
    ran = launchpad.script()
    assert (ran.exit_code, ran.stdout) == (2, "")
    assert "nobody is there to be asked; say --yes" in ran.stderr
    assert not (place.work / "run.json").exists()

    # It builds and tests, and shows the plan; the answer is no.
    ran = launchpad.answered("n")
    assert ran.exit_code == 0, ran.stdout + ran.stderr
    assert f"1. {SERIES}/helper {VERSION}: upload" in ran.stdout
    assert f"2. {SERIES}/greeter {VERSION}: upload" in ran.stdout
    assert f"after {SERIES}/helper is published there" in ran.stdout
    assert "Upload this? [y/N] " in ran.stderr
    assert ran.stderr.endswith("Nothing was uploaded.\n")
    assert launchpad.intake.sessions == []
    assert not list(uploads.glob("*.json"))
    built = place.record(f"build/{SERIES}/greeter")
    tested = place.record(f"test/{SERIES}/greeter.says")

    # What is needed comes first and is published; the connection breaks in the other one.
    launchpad.intake.cut = "greeter_1.0.orig"
    ran = launchpad.script("--yes")
    assert ran.exit_code == 6
    sentence = ran.stderr.splitlines()[-1]
    assert sentence.startswith(f"backport: {SERIES}/greeter {VERSION} was not sent: 127.0.0.1")
    assert "Traceback" not in ran.stderr
    assert launchpad.in_ppa() == [f"helper {VERSION}"]
    assert launchpad.brought() == [{"helper"}, {"greeter"}]
    assert [launchpad.record(one)["state"] for one in (HELPER, GREETER)] == ["accepted", "broken"]

    # The next call sends what is missing, by SFTP now, and waits until all is published.
    ran = launchpad.script("--yes", BACKPORT_UPLOAD_SERVER=launchpad.sftp.address)
    assert ran.exit_code == 0, ran.stdout + ran.stderr
    assert launchpad.in_ppa() == [f"helper {VERSION}", f"greeter {VERSION}"]
    assert launchpad.brought() == [{"helper"}, {"greeter"}, {"greeter"}]
    assert launchpad.sftp.users == [OWNER]
    assert launchpad.ppas.mails == []
    assert place.record(f"build/{SERIES}/greeter") == built
    assert place.record(f"test/{SERIES}/greeter.says") == tested
    records = place.work / "evidence/latest/records"
    for small in (HELPER, GREETER):
        kept = json.loads((records / f"uploads/{SERIES}_{small.name}_{VERSION}.json").read_text())
        assert (kept["state"], set(kept["steps"].values())) == ("accepted", {"passed"})
        binaries = json.loads((records / f"published/{SERIES}/{small.name}.json").read_text())
        assert [binary["version"] for binary in binaries["binaries"]] == [VERSION]
    evidence = (place.work / "evidence/latest").readlink()

    # Once more, on a terminal: nothing is asked, built, signed or sent; the evidence is the same.
    ran = launchpad.answered("")
    assert ran.exit_code == 0, ran.stdout + ran.stderr
    assert "Upload this?" not in ran.stderr
    assert f"2. {SERIES}/greeter {VERSION}: is there" in ran.stdout
    assert len(launchpad.intake.sessions) == 3
    assert place.record(f"build/{SERIES}/greeter") == built
    assert (place.work / "evidence/latest").readlink() == evidence
    assert place.run("evidence", "check", str(place.work / "evidence/latest")).exit_code == 0

    assert_no_secret_is_seen(launchpad)


def assert_no_secret_is_seen(launchpad: Launchpad) -> None:
    """No output and no file that was left has the token or the passphrase; their own files do."""
    place, variables = launchpad.place, launchpad.variables
    secrets = {
        TOKEN: "BACKPORT_LAUNCHPAD_CREDENTIALS",
        SECRET: "BACKPORT_LAUNCHPAD_CREDENTIALS",
        PASSPHRASE: "BACKPORT_GPG_PASSPHRASE_FILE",
    }
    for secret, variable in secrets.items():
        assert secret in Path(variables[variable]).read_text()
        assert not [text for text in launchpad.said if secret in text]
    for folder in (place.work, place.cache / "launchpad", place.root):
        for path in folder.rglob("*"):
            if path.is_relative_to(place.work / "bases") or not path.is_file():
                continue
            content = path.read_bytes()
            assert not [secret for secret in secrets if secret.encode() in content], path
