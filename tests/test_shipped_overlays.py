"""The packaging that the shipped recipe lays over the archive's: it fits, its scripts are sound."""

from __future__ import annotations

import configparser
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from backport.recipe import reader
from backport.recipe.model import Recipe
from backport.recipe.patch_folder import overlay_files

ROOT = Path(__file__).resolve().parents[1]
RECIPE = reader.load(ROOT / "backport.toml")
# Those that systemd 229 knows: systemd.unit(5), systemd.timer(5), systemd.service(5), exec(5).
UNIT_KEYS = {
    "Unit": {"Description", "Documentation"},
    "Timer": {"OnCalendar", "RandomizedDelaySec", "AccuracySec", "Persistent"},
    "Service": {"Type", "ExecStart", "PrivateTmp"},
    "Install": {"WantedBy"},
}


def overlay_of(recipe: Recipe, name: str) -> dict[str, Path]:
    return overlay_files(recipe.source(name), "xenial")


def scripts() -> list[Path]:
    found = []
    for source in RECIPE.sources:
        for path in overlay_files(source, "xenial").values():
            if path.read_bytes().startswith(b"#!/bin/sh"):
                found.append(path)
    return found


@pytest.mark.parametrize("path", scripts(), ids=lambda path: path.name)
def test_every_script_is_read_by_the_shell_and_stops_at_a_fault(path: Path) -> None:
    subprocess.run(["dash", "-n", path], check=True)
    assert re.search(r"^set -eu?$", path.read_text(), re.MULTILINE)


def test_maintainer_scripts_have_debhelpers_place_and_no_word_against_a_running_renewal() -> None:
    for source in RECIPE.sources:
        for name, path in overlay_files(source, "xenial").items():
            if name.rpartition(".")[2] not in ("preinst", "postinst", "prerm", "postrm"):
                continue
            text = path.read_text()
            assert "\n#DEBHELPER#\n" in text
            assert not re.search(r"(stop|restart|kill)\b[^\n]*certbot\.service", text)


@pytest.mark.parametrize("name", ["certbot.timer", "certbot.service"])
def test_the_units_have_no_directive_that_is_newer_than_xenials_systemd(name: str) -> None:
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[method-assign,assignment]
    unit.read_string(overlay_of(RECIPE, "python-certbot")[name].read_text())
    for section in unit.sections():
        assert set(unit[section]) <= UNIT_KEYS[section]


NEEDED = ("certbot", "python-certbot", "python-acme", "python-filelock")


def cron_command() -> str:
    lines = overlay_of(RECIPE, "python-certbot")["certbot.cron.d"].read_text().splitlines()
    (job,) = [line for line in lines if line[:1].isdigit()]
    assert "%" not in job  # crontab(5): it would end the command
    return job.split(None, 6)[6]


def service_command() -> str:
    text = overlay_of(RECIPE, "python-certbot")["certbot.service"].read_text()
    (line,) = re.findall(r'^ExecStart=/bin/sh -c "([^"]*)"$', text, re.MULTILINE)
    # systemd.service(5): what it makes of the line.
    return line.replace("$$", "$").replace("\\\\", "\\")


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Path]:
    """Programs that the two commands start, and what they did: a folder to be first in PATH."""
    for name, text in (("certbot", 'echo "$0 $*"'), ("perl", ":")):
        (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / name).chmod(0o755)
    yield tmp_path


def packages(folder: Path, states: dict[str, str]) -> None:
    """Let dpkg-query know packages in these states, and no others: real ones in a database."""
    database = folder / "dpkg"
    database.mkdir(exist_ok=True)
    (database / "status").write_text(
        "".join(
            f"Package: {name}\nStatus: install ok {state}\nMaintainer: a\nVersion: 1\n"
            f"Architecture: all\nDescription: x\n\n"
            for name, state in states.items()
        )
    )


def start(command: str, folder: Path) -> str:
    """What the command writes; the checks of files are true, and /usr/bin/certbot is the stub."""
    command = re.sub(r"test [^&]*&&", ":;", command).replace("/usr/bin/certbot", "certbot")
    environment = {"PATH": f"{folder}:/usr/bin:/bin", "DPKG_ADMINDIR": str(folder / "dpkg")}
    done = subprocess.run(
        ["dash", "-c", command], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    return done.stdout


@pytest.mark.parametrize("command", [service_command(), cron_command()], ids=["service", "cron"])
def test_a_renewal_waits_for_the_packages_that_it_needs_and_says_which(
    command: str, machine: Path
) -> None:
    renewed = f"{machine}/certbot -q renew\n"
    whole = dict.fromkeys(NEEDED, "installed")
    packages(machine, whole)
    assert start(command, machine) == renewed
    for name in NEEDED:
        for state in ("unpacked", "half-configured", "half-installed"):
            packages(machine, whole | {name: state})
            assert start(command, machine) == f"certbot renews nothing: {name} is {state}\n"
    packages(machine, whole | {"python-certbot-apache": "unpacked"})
    assert start(command, machine) == renewed
    packages(machine, {})
    assert start(command, machine) == renewed
    shutil.rmtree(machine / "dpkg")
    assert start(command, machine) == renewed


def test_the_cron_job_looks_for_certbot_before_and_after_its_wait() -> None:
    before, after = cron_command().split("perl -e 'sleep int(rand(43200))'")
    assert before == "test -x /usr/bin/certbot -a \\! -d /run/systemd/system && "
    assert after.startswith(" && test -x /usr/bin/certbot -a -e /etc/systemd/system/timers.target")


def test_nothing_relies_on_dh_install_which_the_archives_rules_do_not_call() -> None:
    # What debhelper's other programs pick up by name; NEWS and the units among them.
    known = {"NEWS", "cron.d", "service", "timer", "preinst", "postinst", "prerm", "postrm"}
    for source in RECIPE.sources:
        for series in source.series:
            for name in overlay_files(source, series):
                assert name == "control.binary" or name.partition(".")[2] in known


def test_our_control_is_what_clean_makes_of_control_in() -> None:
    debian = RECIPE.source("python-certbot").patches / "debian"
    version = RECIPE.source("python-certbot").version
    made = (debian / "control.in").read_text().replace("###UPSTREAM_VERSION###", version)
    assert (debian / "control").read_text() == made
