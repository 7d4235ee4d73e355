"""Install, upgrade, remove and purge the packages of a series, in one testbed after the other.

Each package is installed, removed and purged in the same clone of the testbed, where what it
depends on stays from one to the next. What is left behind afterwards is compared with what was
there when only its dependencies were. An upgrade has a clone of its own for each set of older
packages: what the base has of the archive's, and those that the recipe builds as test sources of
one upstream version. What they need of the base is in a layer; what the update needs is not.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from debian.debian_support import Version

from backport.check import finding
from backport.check.binaries import Binary
from backport.check.finding import Finding
from backport.engine.process import Completed, run
from backport.engine.step import Step, StepId
from backport.environments import layers, localrepo, prepared
from backport.recipe.model import Published, Recipe, Series
from backport.testbed.lxc import Testbed, attach

LOG = "lifecycle.log"
ARCHIVE = "archive"
"""The testbed's repository of what the series' archive has of the update's packages."""
_APT = "DEBIAN_FRONTEND=noninteractive apt-get -q -y -o Dpkg::Options::=--force-confold"
_FILES = "find / -xdev 2>/dev/null | LC_ALL=C sort"
# Where packages and the system itself write what belongs to no package.
_NOISE = re.compile(
    r"/(?:proc|sys|dev|run|tmp|srv/backport|root|home|media|mnt|var/(?:cache|tmp|run|log|lock)"
    r"|var/lib/(?:apt|dpkg|systemd|ucf|update-rc\.d|python|logrotate|dbus))(?:/|$)"
    r"|/etc/(?:ld\.so\.cache|mtab|resolv\.conf|hosts|hostname|machine-id|\.pwd\.lock"
    r"|(?:passwd|group|shadow|gshadow|subuid|subgid)-?)$|\.py[co]$|/__pycache__(?:/|$)"
)
# Logs of packages are theirs to purge (Policy 10.8); those of the system are not.
_LOGS = re.compile(r"/var/log/(?!apt|dpkg|alternatives|journal|syslog|auth|daemon|[bw]tmp|lastlog|"
                   r"faillog|term|unattended|kern|messages|debug|user|cron)")  # fmt: skip


@dataclass(frozen=True)
class Clone:
    """A running clone of a testbed, and the log of what is done in it."""

    name: str
    testbed: Testbed
    log: Path

    def shell(self, script: str, timeout: float = 900.0) -> Completed:
        """Run a shell script in it, as root; its output also goes to the log."""
        done = run(attach(self.name, ["sh", "-c", script]), timeout=timeout)
        with self.log.open("a", encoding="utf-8") as log:
            log.write(f"$ {script}\n{done.output}\n[exit {done.exit_code}]\n")
        return done

    def apt(self, words: str) -> Completed:
        """Run apt-get."""
        return self.shell(f"{_APT} {words}")

    def use(self, names: Sequence[str]) -> None:
        """Let apt see these repositories of the testbed only, the preferred one first."""
        self.testbed.set_up(self.name, names)

    def versions(self, names: Iterable[str]) -> dict[str, str]:
        """The versions of those packages that are installed whole."""
        form = "${Package} ${db:Status-Abbrev} ${Version}\\n"
        done = self.shell(f"dpkg-query -W -f {shlex.quote(form)} {shlex.join(names)} 2>/dev/null")
        rows = (line.split() for line in done.output.splitlines())
        return {row[0]: row[2] for row in rows if len(row) == 3 and row[1] == "ii"}


def check(
    recipe: Recipe, step: Step, needs: Mapping[StepId, Path], out: Path, scratch: Path
) -> tuple[Finding, ...]:
    """Try the whole life of the packages of a series; parameters as of `action`.

    Raises:
        MachineError: a testbed does not start.
    """
    base = prepared.read(needs[StepId("base", step.id.series)])
    builds = {
        need.source: packages(folder) for need, folder in needs.items() if need.kind == "build"
    }
    made = {name: some for name, some in builds.items() if not recipe.test_source(name)}
    own = [one for some in made.values() for one in some]
    built = list(older(recipe, builds, own))
    groups = [("old", old) for old in built]
    repositories = {"base": base.repository}
    every = [one for old in built for one in old]
    for name, some in (("new", own), *([("old", every)] if every else [])):
        repositories[name] = localrepo.publish([one.deb for one in some], scratch / name)
    if base.older is not None and are_older(there := packages(base.older), own):
        groups.insert(0, (ARCHIVE, there))
        repositories[ARCHIVE] = base.older
    findings: list[Finding] = []
    root = base.testbed_root
    with Testbed(root, repositories) as testbed, testbed.booted() as name:
        clone = Clone(name, testbed, out / LOG)
        clone.use(("new", "base"))
        for package in own:
            findings += life(clone, package, {one.name for one in own})
    for repository, old in groups:
        names = [one.name for one in old]
        layer = layers.for_test(names, root, [repositories[repository], base.repository])
        with Testbed(root, repositories, layer=layer) as testbed, testbed.booted() as name:
            findings += upgrade(Clone(name, testbed, out / LOG), repository, old, own)
    series = recipe.one_series(step.id.series)
    return (*findings, *not_tried(series, made, [old for _, old in groups]))


def not_tried(
    series: Series, made: Mapping[str, Sequence[Binary]], groups: Iterable[Sequence[Binary]]
) -> Iterator[Finding]:
    """A note for each package that no set has an older version of.

    It is a warning where the archive has the source package, and nothing of it was upgraded.

    Parameters:
        made: the packages of the update, by their source package.
    """
    covered = {one.name for old in groups for one in old}
    for source, some in made.items():
        has = series.archive.get(source, Published("")).version
        new = not has or any(one.name in covered for one in some)
        known = f" of {source}, which has {has} there," if has else ""
        for one in (one for one in some if one.name not in covered):
            why = f"no older version{known} at hand in {series.name}: the upgrade was not tried"
            advice = "nothing, if the archive has none; else add its version as [test-source.NAME]"
            severity: finding.Severity = "info" if new else "warning"
            yield finding.make("no-older-version", severity, one.name, why, advice)


def packages(folder: Path) -> list[Binary]:
    """The binary packages in a build's folder."""
    return [Binary(deb) for deb in sorted(folder.glob("*.deb"))]


def older(
    recipe: Recipe, builds: Mapping[str, list[Binary]], own: Sequence[Binary]
) -> Iterator[list[Binary]]:
    """Sets of older packages: those of the test sources of one upstream version."""
    sets: dict[str, list[Binary]] = {}
    for name in builds:
        if (test_source := recipe.test_source(name)) is not None:
            sets.setdefault(test_source.package.version, []).extend(builds[name])
    for version in sorted(sets, key=Version):
        if are_older(sets[version], own):
            yield sets[version]


def are_older(some: Iterable[Binary], own: Iterable[Binary]) -> bool:
    """Whether they have an older version of one of our packages, and no newer one of any."""
    ours = {one.name: Version(one.version) for one in own}
    both = [one for one in some if one.name in ours]
    return bool(both) and all(Version(one.version) < ours[one.name] for one in both)


def life(clone: Clone, package: Binary, own: set[str]) -> Iterator[Finding]:
    """Install, remove and purge one package.

    Parameters:
        own: the names of all packages of the update; others are there before, and stay.
    """
    plan = clone.apt(f"--simulate install {package.name}")
    comes = re.findall(r"(?m)^Inst (\S+)", plan.output)
    others = [name for name in comes if name not in own]
    if plan.exit_code == 0 and others:
        clone.apt(f"install --no-install-recommends {shlex.join(others)}")
    clone.shell(f"{_FILES} >/run/before")
    done = clone.apt(f"install --no-install-recommends {package.name}")
    mine = [name for name in comes if name in own] or [package.name]
    if done.exit_code != 0 or clone.versions([package.name]).get(package.name) != package.version:
        yield _fault("install-fails", package.name, "it cannot be installed", done)
        clone.apt(f"purge {shlex.join(mine)}")
        return
    for word, states in (("remove", ("rc", "un", "")), ("purge", ("un", ""))):
        words = shlex.join(mine) if word == "purge" else package.name
        done = clone.apt(f"{word} {words}")
        state = clone.shell(
            f"dpkg-query -W -f '${{db:Status-Abbrev}}' {package.name} 2>/dev/null"
        ).output.strip()
        if done.exit_code != 0 or state not in states:
            why = f"{word} fails" if done.exit_code else f"after {word} its state is {state!r}"
            yield _fault("remove-fails", package.name, why, done)
    new = clone.shell(f"{_FILES} | LC_ALL=C comm -13 /run/before -").output.splitlines()
    for path in (path for path in new if _LOGS.match(path) or not _NOISE.search(path)):
        why = f"after the purge {path} is still there"
        advice = "remove it in postrm purge, or say why it has to stay"
        yield finding.make("purge-leaves-files", "warning", package.name, why, advice)


def upgrade(
    clone: Clone, repository: str, old: Sequence[Binary], own: Sequence[Binary]
) -> Iterator[Finding]:
    """Install the older packages, then do what a user's machine does with the update.

    Parameters:
        repository: the testbed's repository that has the older ones, and what they need.
    """
    clone.use((repository, "base"))
    names = [one.name for one in old]
    place = ", ".join(sorted({f"{one.name} {one.version}" for one in old}))
    exact = [f"{one.name}={one.version}" for one in old]
    done = clone.apt(f"install --no-install-recommends {shlex.join(exact)}")
    had = clone.versions(names)
    if done.exit_code != 0 or set(had) != set(names):
        why = f"these cannot be installed together, so no upgrade was tried: {done.tail(1)}"
        what = "what the archive has" if repository == ARCHIVE else "test sources of one version"
        yield finding.make(
            "no-older-version", "warning", place, why, f"see {LOG}; the set is {what}"
        )
        return
    clone.use(("new", "base"))
    done = clone.apt("dist-upgrade")
    audit = clone.shell("dpkg --audit").output.strip()
    if done.exit_code != 0 or audit:
        yield _fault("upgrade-fails", place, audit or "the upgrade fails", done)
        return
    has = clone.versions(names)
    for package in own:
        if package.name in had and has.get(package.name) != package.version:
            now = has.get(package.name) or "not installed"
            why = f"after the upgrade {package.name} is {now}, not {package.version}"
            advice = "see why apt keeps it back, in lifecycle.log"
            yield finding.make("upgrade-fails", "error", place, why, advice)


def _fault(rule: str, place: str, why: str, done: Completed) -> Finding:
    lines = [line for line in done.output.splitlines() if line.startswith(("E:", "dpkg: error"))]
    told = f": {lines[0]}" if lines else ""
    return finding.make(rule, "error", place, f"{why}{told}", f"see {LOG}")
