"""The packaging that the shipped recipe lays over a base: it fits, and its scripts are sound."""

from __future__ import annotations

import configparser
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from backport import recipe_file
from backport.recipe import Recipe, Source, overlay_files
from backport.source.overlay import lay_over

ROOT = Path(__file__).resolve().parents[1]
RECIPE = recipe_file.load(ROOT / "backport.toml")
SAID = {"VERSION": "1", "SERIES": "xenial", "MAINTAINER": "A <a@example.org>", "DATE": RECIPE.date}
PAIRS = [
    (source, series) for source in RECIPE.sources for series in source.series if source.base is None
]
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


@pytest.mark.parametrize(("source", "series"), PAIRS, ids=lambda one: getattr(one, "name", one))
def test_every_overlay_fits_our_own_packaging(tmp_path: Path, source: Source, series: str) -> None:
    debian = tmp_path / "debian"
    shutil.copytree(source.patches / "debian", debian)
    lay_over(source, series, debian, SAID)
    for name in overlay_files(source, series):
        assert (debian / name).is_file() or name == "control.binary"


def test_only_xenials_packages_take_over_xenials_names() -> None:
    for source in RECIPE.sources:
        for series in source.series:
            added = overlay_files(source, series).get("control.binary")
            assert added is None or series == "xenial"


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


def test_the_cron_job_looks_for_the_wrapper_and_for_systemd_before_anything_else() -> None:
    lines = overlay_of(RECIPE, "python-certbot")["certbot.cron.d"].read_text().splitlines()
    (job,) = [line for line in lines if line[:1].isdigit()]
    command = job.split(None, 6)[6] if len(job.split(None, 6)) == 7 else ""
    wrapper = "/usr/lib/certbot/scheduled-renewal"
    assert command.startswith(f"if [ -x {wrapper} ] && [ ! -d /run/systemd/system ]; then ")
    assert "%" not in command  # crontab(5): it would end the command


def test_the_list_of_jobs_is_a_program_that_perl_reads() -> None:
    path = overlay_of(RECIPE, "python-certbot")["list-renewal-jobs"]
    subprocess.run(["perl", "-wc", path], check=True, capture_output=True)
    assert path.stat().st_mode & 0o111
