"""The shipped packaging under its series' ceiling: clean as it is, and found where it is newer."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from backport.check import ceiling, packaging, shipped
from backport.check.finding import Finding
from backport.recipe import reader
from backport.recipe.model import Source
from backport.source.overlay import lay_over

ROOT = Path(__file__).resolve().parents[2]
RECIPE = reader.load(ROOT / "backport.toml")
SAID = {"VERSION": "1", "SERIES": "xenial", "MAINTAINER": "A <a@example.org>", "DATE": RECIPE.date}
# The oldest of the series has the lowest ceiling.
SERIES = "xenial"
SOURCES = [one for one in RECIPE.sources if one.base is None and SERIES in one.series]
Change = Callable[[Path], None]


def found(root: Path, source: Source, change: Change | None = None) -> list[Finding]:
    """What the ceiling finds in our own packaging with its overlay, after ``change(debian)``."""
    debian = root / "debian"
    shutil.copytree(source.patches / "debian", debian)
    lay_over(source, SERIES, debian, SAID)
    if change is not None:
        change(debian)
    (of_series,) = (series for series in RECIPE.series if series.name == SERIES)
    limit = ceiling.of(of_series)
    packaging.check(debian, limit)
    shipped.check_tree(root, limit)
    return [finding for finding in limit.findings if finding.severity == "error"]


def into(name: str, old: str, new: str) -> Change:
    def change(debian: Path) -> None:
        text = (debian / name).read_text()
        assert old in text, f"{name} lacks {old}"
        (debian / name).write_text(text.replace(old, new, 1))

    return change


def append(name: str, text: str) -> Change:
    def change(debian: Path) -> None:
        with (debian / name).open("a") as target:
            target.write(text)

    return change


def written(name: str, text: str) -> Change:
    def change(debian: Path) -> None:
        (debian / name).write_text(text)

    return change


@pytest.mark.parametrize("source", SOURCES, ids=lambda one: one.name)
def test_the_packaging_asks_for_nothing_above_its_series(tmp_path: Path, source: Source) -> None:
    assert found(tmp_path, source) == []


@pytest.mark.parametrize(
    ("rule", "change"),
    [
        # systemd 229 has none of these.
        (
            "newer-unit-directive",
            into("certbot.timer", "[Timer]\n", "[Timer]\nFixedRandomDelay=y\n"),
        ),
        ("newer-unit-directive", into("certbot.timer", "[Timer]\n", "[Timer]\nOnClockChange=y\n")),
        (
            "newer-unit-directive",
            into("certbot.service", "[Service]\n", "[Service]\nProtectSystem=strict\n"),
        ),
        ("newer-unit-directive", append("certbot.service", "ProtectKernelTunables=yes\n")),
        # Nor do its programs.
        (
            "newer-maintainer-script",
            append("certbot.postinst", "systemctl show --value certbot.timer\n"),
        ),
        # debhelper 9.20160115 has none of these.
        ("newer-debhelper-level", written("compat", "10\n")),
        (
            "newer-debhelper-command",
            into("rules", "dh_systemd_enable --package", "dh_installsystemd --package"),
        ),
        ("newer-debhelper-command", append("rules", "\nexecute_after_dh_install:\n\ttrue\n")),
        ("newer-debhelper-command", written("certbot.sysusers", "u certbot\n")),
        ("newer-build-dependency", into("control", "debhelper (>= 9", "debhelper (>= 9.20160709")),
        # init-system-helpers 1.29 has no sessions of users.
        (
            "newer-maintainer-script",
            append("certbot.postinst", "deb-systemd-invoke --user start a\n"),
        ),
    ],
    ids=lambda one: one if isinstance(one, str) else None,
)
def test_what_is_newer_than_xenial_is_found_in_it(
    tmp_path: Path, rule: str, change: Change
) -> None:
    errors = found(tmp_path, RECIPE.source("python-certbot"), change)
    assert rule in {error.rule for error in errors}
