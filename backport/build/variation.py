"""A build under other circumstances, for comparing it with the usual one."""

from __future__ import annotations

PATH = "/srv/another/place-to-build"
# Before the build command (sbuild.conf(5), BUILD_ENV_CMND). The time zone needs no tzdata, and
# is more than a day ahead of the usual one's west: the date is another one.
SCRIPT = """\
#!/bin/sh
umask 0002
unset LANGUAGE
export LC_ALL=C LANG=C TZ=ELSEWHERE-14 USER=someone LOGNAME=someone HOME=/nonexistent/elsewhere
exec "$@"
"""


def settings(script: str) -> dict[str, str]:
    """Settings of sbuild, as Perl expressions: another path and user, and the script.

    Parameters:
        script: the path of `SCRIPT` inside the chroot.
    """
    return {
        "build_path": f"'{PATH}'",
        "build_user": "'another-builder'",
        "build_env_cmnd": f"'{script}'",
    }
