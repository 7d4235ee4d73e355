"""The user's umask is that of the results, and packages do not know of it."""

from __future__ import annotations

import subprocess

from backport.source.files import sha256_of
from tests.e2e.small_recipes import Small, begin
from tests.e2e.support import CHECKOUT, Place, environment, forget_steps

SERIES = "noble"


def built(place: Place, umask: str) -> dict[str, str]:
    """The hashes of the source package and the .deb files that are made with that umask."""
    forget_steps(place.work)
    command = place.command("build", "--base", "stand-in", "--quiet")
    words = ["sh", "-c", f'umask {umask}; exec "$@"', "sh", *command]
    done = subprocess.run(
        words, cwd=CHECKOUT, env=environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    packages = [*place.work.glob("source/*/*/*.*z"), *place.work.glob("source/*/*/*.dsc")]
    packages += place.work.glob("build/*/*/*.deb")
    return {path.name: sha256_of(path) for path in packages}


def modes(place: Place) -> dict[str, int]:
    """What others may do with the work folder's own files."""
    made = [place.work / name for name in ("summary.json", "source", "scratch")]
    made += place.work.glob("source/*/*/step.json")
    return {str(path.relative_to(place.work)): path.stat().st_mode & 0o077 for path in made}


def test_with_any_umask_the_packages_are_the_same_and_the_results_have_it(place: Place) -> None:
    begin(place, Small("quick"), SERIES)
    usual = built(place, "022")
    assert {*modes(place).values()} == {0o044, 0o055}

    assert built(place, "077") == usual
    assert len(usual) >= 4
    assert {*modes(place).values()} == {0}
