"""The main job for one series, as a user starts it, from the recipe of this checkout."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import Say
from tests.e2e.support import CHECKOUT, Place, alone, environment, home, must

SERIES = "xenial"
CONTROL = f"test/{SERIES}/python-certbot.concurrent-renew-control+unpatched"
PACKAGES = {
    "python-filelock": {"python-filelock", "python3-filelock"},
    "python-acme": {"python-acme", "python3-acme", "python-acme-doc"},
    "python-certbot": {
        "python-certbot",
        "python-certbot-doc",
        "certbot",
        "letsencrypt",
        "python-letsencrypt",
        "python-letsencrypt-doc",
    },
    "python-certbot-apache": {
        "python-certbot-apache",
        "python-certbot-apache-doc",
        "python-letsencrypt-apache",
    },
    "python-certbot-nginx": {"python-certbot-nginx", "python-certbot-nginx-doc"},
}
# What xenial's archive has of them.
UPGRADED = {
    "python-acme",
    "letsencrypt",
    "python-letsencrypt",
    "python-letsencrypt-apache",
    "python-letsencrypt-doc",
}
# How many unit tests upstream's releases have under Python 2.7, and the package they are in.
UPSTREAMS_TESTS = {
    "python-acme": ("acme", 362),
    "python-certbot": ("certbot", 586),
    "python-certbot-apache": ("certbot_apache", 161),
    "python-certbot-nginx": ("certbot_nginx", 88),
}


@pytest.fixture(scope="module")
def recipe() -> Mapping[str, Any]:
    data = tomllib.loads((CHECKOUT / "backport.toml").read_text())
    assert set(PACKAGES) == {n for n, one in data["source"].items() if SERIES in one["series"]}
    return data


@pytest.fixture(scope="module")
def job(say: Say) -> Iterator[Place]:
    """The place of a run that has ended well; what it says is shown while it says it."""
    folder = home() / "main-job"
    place = Place(CHECKOUT, folder / "work", home() / "cache")
    with alone(folder):
        command = place.command("run", "--base", "stand-in", "--series", SERIES)
        say("\n$ " + " ".join(["backport", *command[3:]]))
        with subprocess.Popen(
            command,
            cwd=CHECKOUT,
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as child:
            assert child.stdout is not None
            for line in child.stdout:
                say(f"  {line.rstrip()}")
        assert child.returncode == 0
        yield place


def read(path: Path) -> Any:
    return json.loads(path.read_text())


def one(folder: Path, pattern: str) -> Path:
    (found,) = folder.glob(pattern)
    return found


def test_every_source_is_built_and_every_test_passes(job: Place, recipe: Mapping[str, Any]) -> None:
    summary = read(job.work / "summary.json")

    assert summary["base"] == "stand-in"
    assert {line["source"] for line in summary["lines"]} == set(PACKAGES)
    rows = recipe["matrix"]["test"]  # those of a long run are in another file
    wanted = {
        (source, row["name"])
        for row in rows
        for source in (row["source"] if isinstance(row["source"], list) else [row["source"]])
    }
    seen = {
        (line["source"], test["test"])
        for line in summary["lines"]
        for test in line["tests"]
        if not test["control"]
    }
    assert seen == wanted
    for line in summary["lines"]:
        assert (line["series"], line["made"], line["build"]) == (SERIES, "passed", "passed")
        assert {test["verdict"] for test in line["tests"]} == {"passed"}
    controls = [row.get("control", ()) for row in rows]
    number = len(wanted) + sum(len(one) if isinstance(one, list) else bool(one) for one in controls)
    assert summary["counts"] == {"passed": number, "failed": 0, "skipped": 0, "broken": 0}
    assert summary["other"] == []


def test_renewals_at_once_neither_fail_nor_print(job: Place) -> None:
    result = read(job.work / f"test/{SERIES}/python-certbot.concurrent-renew/artifacts/result.json")

    assert result["outcome"] == "passed"
    assert result["failed_processes"] == 0
    assert {case["case"] for case in result["cases"]} >= {
        "due-standalone-own",
        "forced-standalone-own",
        "due-webroot-own",
        "forced-webroot-own",
    }
    for case in result["cases"]:
        for process in case["processes"]:
            assert (process["returncode"], process["stdout"], process["stderr"]) == (0, "", "")


def test_the_control_has_seen_the_harm_on_the_unpatched_packages(job: Place) -> None:
    folder = job.work / CONTROL
    control = read(folder / "artifacts" / "control.json")
    listed = (folder / "concurrent-renew-control-packages").read_text().splitlines()
    installed = dict(line.split("\t") for line in listed)

    assert control["outcome"] == "harm-seen"
    for case in control["cases"]:
        assert case["outcome"] == "harm-seen"
        assert case["alone"]["findings"] == []
        assert any(found["findings"] for found in case["rounds"])
    for package in ("certbot", "python-certbot"):
        assert installed[package].strip().endswith("~standin1~unpatched1")
        assert control["packages"][package] == installed[package].strip()


@pytest.mark.parametrize("source", PACKAGES)
def test_a_source_package_unpacks_and_names_the_bug(
    job: Place, recipe: Mapping[str, Any], source: str, tmp_path: Path
) -> None:
    folder = job.work / "source" / SERIES / source
    entry = recipe["source"][source]
    version = f"{entry['version']}-0ubuntu0.16.04.1~standin1"

    said = must(
        ["dpkg-source", "--no-check", "-x", folder / f"{source}_{version}.dsc", "tree"],
        cwd=tmp_path,
    )

    assert not re.search(r"fuzz|offset|warning", said)
    changelog = must(["dpkg-parsechangelog", "-l", tmp_path / "tree" / "debian" / "changelog"])
    assert f"Version: {version}\nDistribution: {SERIES}\n" in changelog
    changes = (folder / f"{source}_{version}_source.changes").read_text()
    assert "\nLaunchpad-Bugs-Fixed: 1640978\n" in changes
    orig = (folder / f"{source}_{entry['version']}.orig.tar.gz").read_bytes()
    assert hashlib.sha256(orig).hexdigest() == entry["upstream"]["sha256"]


@pytest.mark.parametrize("source", PACKAGES)
def test_every_binary_package_is_there_and_marked_as_a_stand_in(job: Place, source: str) -> None:
    debs = list((job.work / "build" / SERIES / source).glob("*.deb"))

    assert {deb.name.split("_")[0] for deb in debs} == PACKAGES[source]
    for deb in debs:
        assert must(["dpkg-deb", "-f", deb, "Version"]).strip().endswith("~standin1")


def test_what_imports_the_lock_depends_on_it(job: Place) -> None:
    deb = one(job.work / "build" / SERIES / "python-certbot", "python-certbot_*.deb")

    assert "python-filelock (>= 2.0.7)" in must(["dpkg-deb", "-f", deb, "Depends"])


@pytest.mark.parametrize("source", UPSTREAMS_TESTS)
def test_all_of_upstreams_unit_tests_run_at_build(job: Place, source: str) -> None:
    module, number = UPSTREAMS_TESTS[source]
    log = (job.work / "build" / SERIES / source / "build.log").read_text()

    (counts,) = re.findall(
        rf"^unit tests: {module}, Python 2\.7\.\d+: (\d+) run, (\d+) failed, (\d+) errors, "
        r"(\d+) skipped, (\d+) known",
        log,
        re.MULTILINE,
    )
    run, *others = map(int, counts)
    assert f"Ran {run} tests in " in log
    assert run >= number
    assert others == [0, 0, 0, 0]


def test_every_package_is_installed_upgraded_removed_and_purged(job: Place) -> None:
    folder = job.work / f"check/{SERIES}/lifecycle"
    log, found = (folder / "lifecycle.log").read_text(), read(folder / "findings.json")

    every = {package for packages in PACKAGES.values() for package in packages}
    for package in every:
        for word in ("install --no-install-recommends", "remove", "purge"):
            assert re.search(rf"^\$ .* {word}(?: \S+)* {package}(?: |$)", log, re.MULTILINE), word
    assert {one["rule"] for one in found} == {"no-older-version"}
    # The upgrade starts from what the series' archive has; all others are new there.
    assert every - {one["place"] for one in found} == UPGRADED
    for package in UPGRADED:
        over = rf"^Unpacking {package} .* over \(0\.4\.1-1~baseline1\)"
        assert re.search(over, log, re.MULTILINE)


def test_only_a_variant_is_built_without_the_packages_own_tests(job: Place) -> None:
    for source, options in (
        ("python-certbot", "parallel=1"),
        ("python-certbot+unpatched", "parallel=1 nocheck"),
    ):
        log = (job.work / "build" / SERIES / source / "build.log").read_text()
        assert f'DEB_BUILD_OPTIONS="{options}"' in log


def test_a_second_run_does_nothing(job: Place) -> None:
    again = job.run("run", "--base", "stand-in", "--series", SERIES, "--json")

    assert again.exit_code == 0, again.stderr
    (planned,) = (event["steps"] for event in again.events if event["event"] == "planned")
    assert CONTROL in planned
    assert again.steps(reused=True) == set(planned)
    assert not [event for event in again.events if event["event"] == "started"]
