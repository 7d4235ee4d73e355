"""The session of a build: its unpacked chroot with its mounts, and sbuild with our configuration.

sbuild's mode autopkgtest has autopkgtest-virt-chroot(1) run each command in the chroot. Its mode
unshare makes a user namespace, and mounts anew, for each of about sixty commands: that took three
quarters of a short build's time. Here both are made once.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from shlex import join, quote

from backport.build import variation
from backport.builder import sandbox
from backport.builder.user import Builder
from backport.environments.apt_setup import INSIDE

NO_CHROOT = 125
"""The exit code where sbuild was not started, since the chroot could not be made ready."""

_SCRIPT = Path(__file__).with_name("session.sh")
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/usr/games"
"""What sbuild's other modes set in the chroot."""


@dataclass(frozen=True)
class BuildOptions:
    """How to build, not what.

    The chroot of a build that does not pass is left in a new folder `keep`, for a shell; `nocheck`
    leaves the package's own tests out; `layered` starts from a chroot that has the
    build-dependencies (see `layers`); `memory` unpacks the chroot into memory (None: when there is
    enough of it); `varied` builds under another path, user, umask, locale and time zone.
    """

    keep: Path | None = None
    nocheck: bool = False
    layered: bool = False
    memory: bool | None = None
    varied: bool = False


PLAIN = BuildOptions()


@dataclass(frozen=True)
class Session:
    """Where a build's files are: outside in `scratch`, in the sandbox below `stage`.

    `chroot` is the tarball, `in_memory` says where it is unpacked, and `complete` that it has all
    build-dependencies. The preferred one of the flat `repositories` is the first.
    """

    builder: Builder
    scratch: Path
    stage: Path
    chroot: Path
    repositories: tuple[Path, ...]
    in_memory: bool
    complete: bool

    def write(self, dsc: str, series: str, options: BuildOptions) -> None:
        """Write sbuild's configuration and the script that enters the sandbox."""
        (self.scratch / "setup" / "sbuild.conf").write_text(self._config(options))
        vary = self.scratch / "setup" / "vary"
        vary.write_text(variation.SCRIPT)
        vary.chmod(0o755)
        shutil.copyfile(_SCRIPT, self.scratch / "setup" / "session")
        script = self._script(dsc, series, keep=options.keep is not None)
        (self.scratch / "enter").write_text(script)

    def _config(self, options: BuildOptions) -> str:
        build_options = "parallel=1 nocheck" if options.nocheck else "parallel=1"
        settings = {
            "chroot_mode": "'autopkgtest'",
            "autopkgtest_virt_server": "'autopkgtest-virt-chroot'",
            # sbuild starts a command without PATH; a shell in the chroot would take its default.
            "autopkgtest_virt_server_options": (
                f"[ '--gain-root', 'env PATH={_PATH}', '{self.stage}/chroot/root' ]"
            ),
            "build_user": f"'{self.builder.name}'",
            **dict.fromkeys(("build_arch_all", "build_arch_any", "nolog"), "1"),
            "build_source": "0",
            "build_profiles": "''",
            "build_environment": f"{{ DEB_BUILD_OPTIONS => '{build_options}' }}",
            # sbuild's own stage starts apt five times, to install a package without files.
            "build_dep_resolver": "'null'" if self.complete else "'apt'",
            # The chroot stays; a session that does would wait for sbuild, and sbuild for it.
            "purge_session": "'always'",
            "purge_build_directory": "'successful'" if options.keep else "'never'",
            # The setup command has just read the repositories' indices, and nothing else is used.
            **dict.fromkeys(("apt_clean", "apt_update", "apt_upgrade", "apt_distupgrade"), "0"),
            **dict.fromkeys(("run_lintian", "run_piuparts", "run_autopkgtest", "log_colour"), "0"),
            "external_commands": (
                f"{{ 'chroot-setup-commands' => [ [ 'sh', '{INSIDE}/setup/apply' ] ] }}"
            ),
            **dict.fromkeys(("extra_packages", "extra_repositories"), "[]"),
            "log_external_command_output": "1",
            "mailto": "''",
            "mailprog": "'/bin/true'",
            "bd_uninstallable_explainer": "'none'",
            "stalled_pkg_timeout": "100000",
            "key_id": "undef",
            "dpkg_buildpackage_user_options": "[]",
        }
        if options.varied:
            settings |= variation.settings(f"{INSIDE}/setup")
        return "".join(f"${key} = {value};\n" for key, value in settings.items()) + "1;\n"

    def _script(self, dsc: str, series: str, *, keep: bool) -> str:
        on_disk = [*([] if self.in_memory else ["chroot"]), *(["kept"] if keep else [])]
        folders = ["source", "setup", "result", *on_disk]
        for name in on_disk:
            (self.scratch / name).mkdir()
        binds = {"chroot.tar": self.chroot.resolve()}
        binds |= {name: (self.scratch / name).resolve() for name in folders}
        binds |= {f"r{i}": path.resolve() for i, path in enumerate(self.repositories)}
        setup = self.stage / "setup"
        words: list[str | Path] = ["/bin/sh", setup / "session", self.stage]
        words += [str(len(self.repositories)), "memory" if self.in_memory else "disk", INSIDE]
        words += [str(NO_CHROOT), "env", "-i", f"HOME={setup}", "LC_ALL=C.UTF-8"]
        words += ["PATH=/usr/sbin:/usr/bin:/sbin:/bin", f"SBUILD_CONFIG={setup}/sbuild.conf"]
        words += ["sbuild", f"--dist={series}", self.stage / "source" / dsc]
        # What is written there is root's of the build user's ids; the result is given back.
        ids = f"{self.builder.subuids.outside}:{self.builder.subgids.outside}"
        written = join(str(self.scratch / name) for name in ("result", *on_disk))
        result, unpacked = (quote(str(self.stage / name)) for name in ("result", "chroot/root"))
        return sandbox.script(
            self.builder,
            self.stage,
            binds,
            words,
            before=f"chown {ids} {written}\n",
            after=f"chown -R {os.geteuid()}:{os.getegid()} {result}\nrm -rf {unpacked}\n",
        )
