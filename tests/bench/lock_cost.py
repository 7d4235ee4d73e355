"""What the lock costs: the rows of the table, measured in a testbed with the built packages.

Measured is, on the packages of a finished run, on which nothing is due: `certbot renew` patched
against unpatched, pair by pair, both of a pair at nearly the same moment of the machine; how long
after the release a process that waits has the lock; and what twenty of them use meanwhile.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from backport.engine import outputs
from backport.environments import localrepo, prepared
from backport.environments.apt_setup import INSIDE
from backport.errors import MachineError
from backport.testbed import lxc
from tests.bench.figures import Row

CHECKOUT = Path(__file__).resolve().parents[2]
RATIO = 1.02
TAKEOVER_SECONDS = 0.1
WAITING_SHARE = 0.02
# What runs in the testbed, below the tests that are mounted there.
_INSIDE = "matrix/matrix_lib/lock_cost.py"


def rows(data: Mapping[str, Any]) -> list[Row]:
    """The lines of the table, each with its limit, by what the script inside has printed."""
    found = []
    for what, kind in (("time", "wall"), ("processor time", "processor")):
        ratios = [one["patched"][kind] / one["unpatched"][kind] for one in data["pairs"]]
        low, middle, high = quantiles(ratios, n=4, method="inclusive")
        found.append(
            Row(
                f"renew with nothing due, {what}, patched / not",
                f"{middle:.3f} (half of {len(ratios)} pairs: {low:.3f} to {high:.3f})",
                f"{RATIO}",
                middle <= RATIO,
            )
        )
    takeovers, waiting = data["takeovers"], data["waiting"]
    of_waiting = (
        "each waiting process looks ten times a second whether the lock is free, and uses "
        f"{waiting['share'] / waiting['processes'] / 10:.6f} s of a processor each time; a "
        "takeover takes up to a tenth of a second and one look, and with a longer pause more"
    )
    found += [
        Row(
            "takeover after the release",
            f"{median(takeovers):.3f} s, at most {max(takeovers):.3f} s of {len(takeovers)}",
            f"{TAKEOVER_SECONDS} s",
            max(takeovers) <= TAKEOVER_SECONDS,
            of_waiting,
        ),
        Row(
            f"{waiting['processes']} waiting processes, of one core",
            f"{waiting['share']:.2%} in {waiting['seconds']:.0f} s (load {data['load'][0]:.1f})",
            f"{WAITING_SHARE:.0%}",
            waiting["share"] < WAITING_SHARE,
            of_waiting,
        ),
    ]
    return found


def measure(work: Path, series: str) -> dict[str, Any]:
    """Install the packages in a testbed, run the script there, and give what it has printed.

    Parameters:
        work: the work folder of a finished run. series: whose packages.

    Raises:
        BackportError: the packages or the testbed are missing, or the script failed.
    """
    base = prepared.read(work / "base" / series)
    builds = [path for path in sorted((work / "build" / series).iterdir()) if "+" not in path.name]
    bare = outputs.one_file(
        work / "build" / series / "python-certbot+unpatched", "python-certbot_*.deb"
    )
    with tempfile.TemporaryDirectory(prefix="lock-cost.") as folder:
        place = Path(folder)
        place.chmod(0o755)
        built = localrepo.publish(outputs.built_debs(builds), place / "built")
        # They lie in the repository's folder, which the testbed has.
        subprocess.run(["dpkg-deb", "-x", bare, built / "unpatched"], check=True)
        shutil.copytree(CHECKOUT / "autopkgtest", built / "tests")
        repositories = {"built": built, "base": base.repository}
        with lxc.Testbed(base.testbed_root, repositories) as testbed, testbed.booted() as clone:
            testbed.set_up(clone)
            inside = f"{INSIDE}/built"
            script = (
                "apt-get install -qq certbot python-cryptography >&2 && "
                f"PYTHONPATH={inside}/tests/lib:{inside}/tests/matrix/matrix_lib exec python2.7 -B "
                f"{inside}/tests/{_INSIDE} --tests {inside}/tests "
                f"--unpatched {inside}/unpatched/usr/lib/python2.7/dist-packages"
            )
            command = lxc.attach(clone, ["sh", "-c", script])
            done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    lines = done.stdout.splitlines()
    if done.returncode != 0 or not lines:
        raise MachineError(f"the cost of the lock could not be measured (exit {done.returncode})")
    data: dict[str, Any] = json.loads(lines[-1])
    return data
