"""What is done in a fresh clone before anything else: systemd, a hosts file, the repositories."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from backport.environments.apt_setup import INSIDE, write_setup

PLACE = "/run/backport-setup"

# systemd's own --wait is younger than the oldest series. The stamp keeps autopkgtest from
# rebooting a clone, which would throw away what it keeps in memory.
_PREPARE = f"""\
set -e
touch /run/autopkgtest_no_reboot.stamp
tries=0
while :; do
    state=$(systemctl is-system-running 2>&1) || :
    case $state in running|degraded) break ;; esac
    tries=$((tries + 1))
    if [ $tries -gt 300 ]; then
        echo "systemd did not come up: $state" >&2
        exit 1
    fi
    sleep 0.2
done
if ! grep -qs localhost /etc/hosts; then
    printf '127.0.0.1 localhost\\n::1 localhost\\n' > /etc/hosts
fi
grep -q " $(hostname)$" /etc/hosts || echo "127.0.1.1 $(hostname)" >> /etc/hosts
export DEBIAN_FRONTEND=noninteractive
sh {PLACE}/apply
"""


def write_testbed_setup(folder: Path, repositories: Mapping[str, Path]) -> None:
    """Write the setup files; inside they belong to `PLACE`, and its script ``prepare`` is run.

    Parameters:
        repositories: those that apt sees, by name: the preferred one first, the base last.
    """
    places = [f"{INSIDE}/{name}" for name in repositories]
    write_setup(folder, [*repositories.values()], places, inside=PLACE)
    (folder / "prepare").write_text(_PREPARE)
