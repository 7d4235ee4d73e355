"""The main job for one series, as a user starts it, from the recipe of this checkout."""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.support import CHECKOUT, Place, alone, must
from tests.support.systems import home

PACKAGES = {
    "python-filelock": {"python-filelock", "python3-filelock"},
    "python-acme": {"python-acme", "python3-acme", "python-acme-doc"},
    "python-certbot": {"python-certbot", "python-certbot-doc", "certbot", "letsencrypt"},
    "python-certbot-apache": {"python-certbot-apache", "python-certbot-apache-doc"},
    "python-certbot-nginx": {"python-certbot-nginx", "python-certbot-nginx-doc"},
}
XENIALS = {
    "python-certbot": {"python-letsencrypt", "python-letsencrypt-doc"},
    "python-certbot-apache": {"python-letsencrypt-apache"},
}


@dataclass(frozen=True)
class Expected:
    """What the run has to make in a series.

    `upgraded` are the packages that its archive has in the version `older`.
    """

    name: str
    number: str
    packages: Mapping[str, set[str]]
    upgraded: set[str]
    older: str

    @property
    def revision(self) -> str:
        """What a version has after upstream's."""
        return f"-0ubuntu0.{self.number}.1~standin1"


# The first one always, the others with --long.
SERIES = (
    Expected(
        "zesty",
        "17.04",
        {"python-certbot": PACKAGES["python-certbot"]},
        {"certbot", "letsencrypt", "python-certbot"},
        "0.10.2-0baseline1",
    ),
    Expected(
        "xenial",
        "16.04",
        {source: names | XENIALS.get(source, set()) for source, names in PACKAGES.items()},
        {"python-acme", "letsencrypt", *XENIALS["python-certbot"], "python-letsencrypt-apache"},
        "0.4.1-1~baseline1",
    ),
    Expected(
        "yakkety",
        "16.10",
        PACKAGES,
        {"certbot", "letsencrypt", "python-acme", "python-certbot", "python-certbot-apache"},
        "0.8.1-[23]~baseline1",
    ),
)
CONTROL = "python-certbot.concurrent-renew-control+unpatched"
# How many unit tests upstream's releases have under Python 2.7, and the package they are in.
UPSTREAMS_TESTS = {
    "python-acme": ("acme", 362),
    "python-certbot": ("certbot", 586),
    "python-certbot-apache": ("certbot_apache", 161),
    "python-certbot-nginx": ("certbot_nginx", 88),
}


@pytest.fixture(scope="module")
def recipe() -> Mapping[str, Any]:
    return tomllib.loads((CHECKOUT / "backport.toml").read_text())


@dataclass(frozen=True)
class Job:
    """A run for one series that has ended well."""

    place: Place
    expected: Expected

    def folder(self, kind: str, name: str) -> Path:
        """The folder of a step."""
        return self.place.work / kind / self.expected.name / name


@pytest.fixture(scope="module")
def job(request: pytest.FixtureRequest, recipe: Mapping[str, Any]) -> Iterator[Job]:
    """A run's place."""
    expected: Expected = request.param
    sources = {n for n, table in recipe["source"].items() if expected.name in table["series"]}
    assert sources == set(expected.packages)
    folder = home() / "main-job"
    place = Place(CHECKOUT, folder / "work", home() / "cache")
    with alone(folder):
        ran = place.run("run", "--base", "stand-in", "--series", expected.name)
        assert ran.exit_code == 0, ran.stdout + ran.stderr
        yield Job(place, expected)


def read(path: Path) -> Any:
    return json.loads(path.read_text())


def sources_of(row: Mapping[str, Any]) -> list[str]:
    sources = row["source"]
    return sources if isinstance(sources, list) else [sources]


def test_every_source_is_built_and_every_test_passes(job: Job, recipe: Mapping[str, Any]) -> None:
    summary = read(job.place.work / "summary.json")
    sources = set(job.expected.packages)

    assert summary["base"] == "stand-in"
    assert {line["source"] for line in summary["lines"]} == sources
    # The rows of a long run are in another file.
    rows = [row for row in recipe["matrix"]["test"] if sources.intersection(sources_of(row))]
    wanted = {
        (source, row["name"]) for row in rows for source in sources_of(row) if source in sources
    }
    seen = {
        (line["source"], test["test"])
        for line in summary["lines"]
        for test in line["tests"]
        if not test["control"]
    }
    assert seen == wanted
    for line in summary["lines"]:
        assert (line["made"], line["build"]) == ("passed", "passed")
        assert line["series"] == job.expected.name
        assert {test["verdict"] for test in line["tests"]} == {"passed"}
    controls = [row.get("control", ()) for row in rows]
    number = len(wanted) + sum(
        len(control) if isinstance(control, list) else bool(control) for control in controls
    )
    assert summary["counts"] == {"passed": number, "failed": 0, "skipped": 0, "broken": 0}
    assert summary["other"] == []


def test_renewals_at_once_neither_fail_nor_print(job: Job) -> None:
    folder = job.folder("test", "python-certbot.concurrent-renew")
    result = read(folder / "artifacts/result.json")

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


def test_the_control_has_seen_the_harm_on_the_unpatched_packages(job: Job) -> None:
    folder = job.folder("test", CONTROL)
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


def test_every_source_package_unpacks_and_names_the_bug(
    job: Job, recipe: Mapping[str, Any], tmp_path: Path
) -> None:
    for source in job.expected.packages:
        folder, entry, tree = (
            job.folder("source", source),
            recipe["source"][source],
            tmp_path / source,
        )
        version = f"{entry['version']}{job.expected.revision}"

        said = must(["dpkg-source", "--no-check", "-x", folder / f"{source}_{version}.dsc", tree])

        assert not re.search(r"fuzz|offset|warning", said)
        changelog = must(["dpkg-parsechangelog", "-l", tree / "debian" / "changelog"])
        assert f"Version: {version}\nDistribution: {job.expected.name}\n" in changelog
        changes = (folder / f"{source}_{version}_source.changes").read_text()
        assert "\nLaunchpad-Bugs-Fixed: 1640978\n" in changes
        orig = (folder / f"{source}_{entry['version']}.orig.tar.gz").read_bytes()
        assert hashlib.sha256(orig).hexdigest() == entry["upstream"]["sha256"]


def test_every_binary_package_is_there_and_marked_as_a_stand_in(job: Job) -> None:
    for source, packages in job.expected.packages.items():
        debs = list(job.folder("build", source).glob("*.deb"))

        assert {deb.name.split("_")[0] for deb in debs} == packages
        for deb in debs:
            assert must(["dpkg-deb", "-f", deb, "Version"]).strip().endswith("~standin1")
    # What imports the lock depends on it.
    (deb,) = job.folder("build", "python-certbot").glob("python-certbot_*.deb")
    assert "python-filelock (>= 2.0.7)" in must(["dpkg-deb", "-f", deb, "Depends"])


def test_all_of_upstreams_unit_tests_run_at_build(job: Job) -> None:
    for source in UPSTREAMS_TESTS.keys() & job.expected.packages:
        module, number = UPSTREAMS_TESTS[source]
        log = (job.folder("build", source) / "build.log").read_text()

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


def test_every_package_is_installed_upgraded_removed_and_purged(job: Job) -> None:
    folder = job.folder("check", "lifecycle")
    log, found = (folder / "lifecycle.log").read_text(), read(folder / "findings.json")

    every = {package for packages in job.expected.packages.values() for package in packages}
    for package in every:
        for word in ("install --no-install-recommends", "remove", "purge"):
            assert re.search(rf"^\$ .* {word}(?: \S+)* {package}(?: |$)", log, re.MULTILINE), word
    assert {one["rule"] for one in found} == {"no-older-version"}
    # The upgrade starts from what the series' archive has; all others are new there.
    assert every - {one["place"] for one in found} == job.expected.upgraded
    for package in job.expected.upgraded:
        over = rf"^Unpacking {package} .* over \({job.expected.older}\)"
        assert re.search(over, log, re.MULTILINE)


def test_only_variants_and_test_sources_are_built_without_their_own_tests(job: Job) -> None:
    test_source = f"certbot-{job.expected.older.partition('-')[0].replace('.', '-')}"
    for source, options in (
        ("python-certbot", "parallel=1"),
        (test_source, "parallel=1 nocheck"),
        ("python-certbot+unpatched", "parallel=1 nocheck"),
    ):
        log = (job.folder("build", source) / "build.log").read_text()
        assert f'DEB_BUILD_OPTIONS="{options}"' in log


def test_a_second_run_does_nothing(job: Job) -> None:
    name = job.expected.name
    again = job.place.run("run", "--base", "stand-in", "--series", name, "--json")

    assert again.exit_code == 0, again.stderr
    (planned,) = (event["steps"] for event in again.events if event["event"] == "planned")
    assert f"test/{name}/{CONTROL}" in planned
    assert again.steps(reused=True) == set(planned)
    assert not [event for event in again.events if event["event"] == "started"]
