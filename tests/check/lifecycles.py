"""Tiny packages with faults in their scripts, in one real testbed from install to purge."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from backport.check import lifecycle
from backport.check.binaries import Binary
from backport.check.finding import Finding
from backport.check.lifecycle import Clone
from backport.environments import localrepo
from backport.testbed.lxc import Testbed
from tests.build.packages import make_deb, make_repository

# What each package's scripts do wrong; "" is nothing.
NEW: Mapping[str, Mapping[str, str]] = {
    "sound": {"postinst": "touch /var/lib/sound", "postrm": "rm -f /var/lib/sound"},
    "stubborn": {"prerm": '[ "$1" != remove ]'},
    "untidy": {"postinst": "echo x > /var/lib/untidy; mkdir -p /etc/untidy"},
    "unfit": {"postinst": "echo unfit >&2; exit 1"},
    "follower": {"depends": "sound"},
}
OLD = ("sound", "unfit")


@dataclass(frozen=True)
class Lifecycles:
    """The findings by package, and those of the upgrades by the older package's name."""

    findings: Mapping[str, list[Finding]]
    upgrades: Mapping[str, list[Finding]]


def make_package(folder: Path, name: str, version: str, scripts: Mapping[str, str]) -> Binary:
    """A .deb with maintainer scripts of one line each."""
    files = {
        f"DEBIAN/{script}!": f"#!/bin/sh\nset -e\n{text}\n"
        for script, text in scripts.items()
        if script != "depends"
    }
    return Binary(make_deb(folder, name, version, scripts.get("depends", ""), files=files))


def run_lifecycles(root: Path, folder: Path) -> Lifecycles:
    """Install, remove and purge each package of `NEW`, and upgrade to it from those in `OLD`."""
    new = [make_package(folder, name, "2.0", scripts) for name, scripts in NEW.items()]
    old = [make_package(folder, name, "1.0", {}) for name in OLD]
    repositories = {"base": make_repository(folder / "base", {"nothing": "1.0"})}
    for name, packages in (("new", new), *((f"old-{one.name}", [one]) for one in old)):
        debs = [package.deb for package in packages]
        repositories[name] = localrepo.publish(debs, folder / name)
    log, findings, upgrades = folder / "log", {}, {}
    with Testbed(root, repositories) as testbed:
        with testbed.booted() as clone_name:
            clone = Clone(clone_name, testbed, log)
            clone.use(("new", "base"))
            for one in new:
                findings[one.name] = list(lifecycle.life(clone, one, set(NEW)))
        with testbed.booted() as clone_name:
            clone = Clone(clone_name, testbed, log)
            for one in old:
                name = f"old-{one.name}"
                upgrades[one.name] = list(lifecycle.upgrade(clone, name, [one], new))
    return Lifecycles(findings, upgrades)
