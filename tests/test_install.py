"""scripts/install on a machine of the test's own: its packages, its archive, the real apt."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

from backport import atomic
from backport.environments import localrepo
from tests.build.packages import make_deb

CHECKOUT = Path(__file__).parents[1]
SCRIPT = CHECKOUT / "scripts/install"
LIST = "backport/data/system-packages.txt"
DPUT = "#!/bin/sh\necho dput 1.1.3\n"


class Machine:
    """A copy of the script's folder, dpkg's record and apt's configuration.

    What apt would install or remove goes to a dpkg that only writes its arguments down.
    """

    def __init__(self, folder: Path, *installed: str, lacking: str = "dput") -> None:
        self.top, self.dpkg_log = folder / "top", folder / "dpkg-log"
        (self.top / "scripts").mkdir(parents=True)
        shutil.copy(SCRIPT, self.top / "scripts")
        (self.top / LIST).parent.mkdir(parents=True)
        shutil.copy(CHECKOUT / LIST, self.top / LIST)
        for name in ("pyproject.toml", "scripts/requirements.txt"):
            (self.top / name).touch()
        stamp = "{ python3 --version; pwd; } | sha256sum | cut -d' ' -f1"  # of empty files
        (self.top / ".venv").mkdir()
        stamped = f"{stamp} > .venv/stamp"
        subprocess.run(["sh", "-c", stamped], cwd=self.top, check=True)
        lines = (CHECKOUT / LIST).read_text().splitlines()
        listed = [line.split()[0] for line in lines if not line.startswith("#")]
        names = {*listed, *installed} - {lacking}
        admin = folder / "dpkg"
        admin.mkdir()
        record = "Status: install ok installed\nArchitecture: all\nVersion: 1.0\nMaintainer: nobody"
        (admin / "status").write_text(
            "".join(f"Package: {name}\n{record}\nDescription: x\n\n" for name in sorted(names))
        )
        self.debs = folder / "debs"
        self.debs.mkdir()
        fake_dpkg = folder / "fake-dpkg"
        fake_dpkg.write_text(f'#!/bin/sh\necho "$*" >> {self.dpkg_log}\n')
        fake_dpkg.chmod(0o755)
        state = folder / "apt"
        for name in ("lists/partial", "archives/partial", "none"):
            (state / name).mkdir(parents=True)
        (state / "sources.list").write_text(f"deb [trusted=yes] file:{folder / 'repo'} ./\n")
        settings = {
            "Dir::Etc": state, "Dir::Etc::main": state / "none/x",
            "Dir::Etc::parts": state / "none", "Dir::Etc::sourceparts": state / "none",
            "Dir::State": state, "Dir::State::status": admin / "status",
            "Dir::Cache": state, "Dir::Log": state, "Dir::Bin::dpkg": fake_dpkg,
            "APT::Sandbox::User": "root", "Debug::NoLocking": "true",
        }  # fmt: skip
        (state / "apt.conf").write_text("".join(f'{k} "{v}";\n' for k, v in settings.items()))
        self._env = {"APT_CONFIG": str(state / "apt.conf"), "DPKG_ADMINDIR": str(admin)}

    def install(self) -> subprocess.CompletedProcess[str]:
        """Run the script, with what `debs` has as the archive."""
        link = self.debs.parent / "repo"
        atomic.link(link, localrepo.publish(sorted(self.debs.glob("*.deb")), link))
        return subprocess.run(
            [self.top / "scripts/install"],
            env={**os.environ, **self._env},
            capture_output=True,
            text=True,
            check=False,
        )

    @property
    def was_changed(self) -> bool:
        """Whether apt had dpkg install or remove anything."""
        log = self.dpkg_log.read_text() if self.dpkg_log.exists() else ""
        return bool(re.search(r"--(unpack|remove|configure|purge)", log))


def make_dput(folder: Path, conflicts: str) -> None:
    """A package dput with its program, as an archive has it."""
    tree = folder.parent / "tree-dput"
    (tree / "usr/bin").mkdir(parents=True)
    (tree / "usr/bin/dput").write_text(DPUT)
    (tree / "usr/bin/dput").chmod(0o755)
    control = {
        "Package": "dput", "Version": "1.1.3", "Architecture": "all",
        "Maintainer": "Nobody <nobody@example.org>", "Depends": "gpg", "Conflicts": conflicts,
        "Description": "uploads",
    }  # fmt: skip
    localrepo.write_deb(tree, control, folder, epoch=0)


def test_what_dput_would_take_away_stays_and_dput_is_only_unpacked(tmp_path: Path) -> None:
    machine = Machine(tmp_path, "dput-ng")
    make_dput(machine.debs, "dput-ng")

    done = machine.install()

    assert done.returncode == 0, done.stderr
    assert not machine.was_changed
    unpacked = machine.top / ".venv/dput/usr/bin/dput"
    assert subprocess.run([unpacked], capture_output=True, check=True).stdout == b"dput 1.1.3\n"
    assert "unpacked into .venv/dput, and installed nowhere" in done.stderr
    again = machine.install()
    assert (again.returncode, again.stderr) == (0, "")


def test_where_nothing_stands_against_it_dput_is_installed(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    make_dput(machine.debs, "dput-ng")

    machine.install()

    assert machine.was_changed
    assert not (machine.top / ".venv/dput").exists()


def test_what_stands_against_a_package_is_named_and_nothing_is_removed(tmp_path: Path) -> None:
    machine = Machine(tmp_path, "old-builder", lacking="sbuild")
    make_deb(machine.debs, "sbuild", fields="Conflicts: old-builder\n")

    done = machine.install()

    assert done.returncode == 5
    assert "nothing is installed, since apt would remove old-builder for sbuild" in done.stderr
    assert not machine.was_changed
