"""Local apt repositories inside a chroot or testbed: sources, pins, and how they are put in place.

The first repository is the one to prefer; the last one is the base. The packages of every
repository before the last are pinned, by their exact versions, above whatever the base has
(apt_preferences(5): a priority above 1000 holds even against a higher version).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from debian.deb822 import Deb822

from backport.errors import reading
from backport.source.files import set_plain_modes
from backport.source.text import control_paragraphs, read_text

INSIDE = "/srv/backport"
"""Where repositories are seen in chroots and testbeds, each by its name."""
PIN = 1001

# Left out on purpose: apt's own time stamps, translations and recommended packages.
_APT_CONF = """\
Acquire::Languages "none";
Acquire::Check-Valid-Until "false";
Acquire::Retries "0";
APT::Install-Recommends "false";
APT::Update::Error-Mode "any";
DPkg::Options { "--force-confold"; "--force-unsafe-io"; };
"""

# An index of manual pages is of no use in a chroot that is thrown away, and takes seconds.
_NO_INDEX = "man-db man-db/auto-update boolean false"


def packages(repository: Path) -> list[Deb822]:
    """The packages of a flat repository, in the order of its index.

    Raises:
        InputError: the folder has no readable index.
    """
    index = repository / "Packages"
    advice = "run: apt-ftparchive packages . > Packages in it"
    with reading(index, what="this is no index of a flat apt repository", advice=advice):
        return control_paragraphs(read_text(index))


def preferences(repositories: Sequence[Path]) -> str:
    """The pins of all repositories but the last: an earlier one is above a later one."""
    own = repositories[:-1]
    pins: dict[str, int] = {}
    for position, repository in enumerate(own):
        for package in packages(repository):
            pin = f"Package: {package['Package']}\nPin: version {package['Version']}\n"
            pins.setdefault(pin, PIN + len(own) - 1 - position)
    return "\n".join(f"{pin}Pin-Priority: {priority}\n" for pin, priority in pins.items())


def write_setup(
    folder: Path, repositories: Sequence[Path], places: Sequence[str], *, inside: str
) -> None:
    """Write the files, and the script ``apply`` that a root shell runs, into `folder`.

    Parameters:
        folder: where the files go; it is mounted at the path `inside`.
        repositories: the folders on this machine, the preferred one first, the base last.
        places: their paths inside, in the same order.

    Raises:
        InputError: a repository has no index.
    """
    folder.mkdir(parents=True, exist_ok=True)
    script = f"""\
set -e
rm -rf /etc/apt/sources.list.d/* /etc/apt/preferences.d/* /var/lib/apt/lists/*
cp {inside}/sources.list /etc/apt/sources.list
cp {inside}/preferences /etc/apt/preferences
cp {inside}/apt.conf /etc/apt/apt.conf.d/99backport
if [ -x /usr/bin/debconf-set-selections ]; then
    echo '{_NO_INDEX}' | debconf-set-selections
fi
apt-get -q update
"""
    files = {
        "sources.list": "".join(f"deb [trusted=yes] file:{place} ./\n" for place in places),
        "preferences": preferences(repositories),
        "apt.conf": _APT_CONF,
        "apply": script,
    }
    for name, text in files.items():
        (folder / name).write_text(text)
    set_plain_modes(folder)
