"""dpkg's and devscripts' programs for source packages, in an environment of their own.

Nothing of the user's locale, time zone, configuration or distribution reaches them: dpkg's
vendor is Ubuntu, described in a folder that `DPKG_ORIGINS_DIR` names (dpkg-vendor(1) reads
/etc/dpkg/origins otherwise, and on Debian has no Ubuntu there).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from backport.builder import as_builder
from backport.errors import StepError
from backport.system_packages import require

_ORIGIN = "Vendor: Ubuntu\nVendor-URL: https://www.ubuntu.com/\nParent: Debian\n"
# What a user's environment could change in the files that are made.
_EMPTIED = (
    "TAR_OPTIONS", "XZ_OPT", "XZ_DEFAULTS", "GZIP", "DEBEMAIL", "DEBFULLNAME",
    "DEB_BUILD_OPTIONS", "DEB_BUILD_PROFILES", "DIFF_OPTIONS", "QUILT_PATCHES",
)  # fmt: skip


@dataclass(frozen=True)
class Dpkg:
    """The programs, with the environment that they run in.

    They are not run as root, and write below `folder` alone.
    """

    folder: Path
    env: Mapping[str, str]

    def unpack(self, dsc: Path, folder: Path, *, patches: bool = True) -> None:
        """Unpack a source package whose hashes and signature were checked before.

        Raises:
            StepError: dpkg-source refuses; a patch that needs fuzz is such a case.
        """
        options = ["--no-check", "--no-copy", *([] if patches else ["--skip-patches"])]
        self._run("dpkg-source", [*options, "-x", dsc, folder.absolute()], reads=[dsc])

    def build(self, tree: Path, format: str = "3.0 (quilt)") -> None:
        """Make the source package of a tree, beside it, where the orig tarball is.

        Raises:
            StepError: the tree cannot be packed, or differs from the orig tarball and the quilt
                series of a format that has one.
        """
        # The format 1.0 knows gzip alone.
        options = [] if format == "1.0" else ["-Zxz", "-z6"]
        options += ["--abort-on-upstream-changes"] if "quilt" in format else []
        self._run("dpkg-source", [*options, "-b", tree.name], cwd=tree.parent)

    def changes(self, tree: Path, out: Path, *, since: str) -> None:
        """Write the source .changes (dpkg-genchanges(1)), which includes the orig tarball.

        Parameters:
            tree: the unpacked source; its .dsc is beside it.
            out: the .changes.
            since: the version published last; all newer entries go in. "" means the newest only.

        Raises:
            StepError: dpkg-genchanges fails.
        """
        span = [f"-v{since}"] if since else []
        self._run("dpkg-genchanges", ["-S", "-sa", "-q", *span, f"-O{out}"], cwd=tree)

    def debdiff(self, old: Path, new: Path, out: Path) -> None:
        """Write the differences of two source packages, which debdiff(1) unpacks unpatched.

        Raises:
            StepError: debdiff fails.
        """
        # Exit status 1 only says that there are differences.
        words = ["--no-conf", "--quiet"]
        self._run("debdiff", [*words, old, new], accept=(0, 1), reads=[old, new], out=out)

    def _run(
        self,
        program: str,
        args: Sequence[str | Path],
        *,
        cwd: Path | None = None,
        accept: tuple[int, ...] = (0,),
        reads: Sequence[Path] = (),
        out: Path | None = None,
    ) -> None:
        command: list[str | Path] = [require(program), *args]
        if out is not None:
            # What a program says on standard error, such as gpgv's remarks, is no part of a file.
            command = ["sh", "-c", 'exec "$@" >"$0"', out.absolute(), *command]
        result = as_builder.run(command, self.folder, reads=reads, cwd=cwd, env=self.env)
        if result.exit_code not in accept:
            lines = [line for line in result.output.splitlines() if "error:" in line]
            why = lines[-1].partition("error:")[2].strip() if lines else result.tail(3)
            raise StepError(f"{program} fails: {why}", where=str(args[-1]))


def isolated(folder: Path, moment: int) -> Dpkg:
    """dpkg's programs with a vendor description written to `folder`.

    Parameters:
        folder: an existing folder; all that the programs write is below it.
        moment: SOURCE_DATE_EPOCH, in seconds since 1970.
    """
    origins = folder / "origins"
    origins.mkdir()
    (origins / "ubuntu").write_text(_ORIGIN)
    return Dpkg(
        folder.absolute(),
        {
            **dict.fromkeys(_EMPTIED, ""),
            "LC_ALL": "C.UTF-8",
            "LANGUAGE": "",
            "TZ": "UTC",
            "HOME": str(folder),
            "DEB_VENDOR": "Ubuntu",
            "DPKG_ORIGINS_DIR": str(origins),
            "DPKG_COLORS": "never",
            "SOURCE_DATE_EPOCH": str(moment),
        },
    )
