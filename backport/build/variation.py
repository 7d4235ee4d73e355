"""A build under other circumstances, for comparing it with the usual one."""

from __future__ import annotations

PATH = "/srv/another/place-to-build"
# Runs debian/rules: dpkg-buildpackage(1) itself sets the environment and the umask to what is
# usual. The time zone needs no tzdata, and is a whole day ahead: the date is always another one.
SCRIPT = """\
#!/bin/sh
umask 0002
unset LANGUAGE
export LC_ALL=C LANG=C TZ=ELSEWHERE-24 USER=someone LOGNAME=someone HOME=/nonexistent/elsewhere
exec "$@"
"""


def settings(inside: str) -> dict[str, str]:
    """Settings of sbuild, as Perl expressions: another path and user, and the script.

    Parameters:
        inside: the folder inside the chroot that has `SCRIPT` as vary.
    """
    return {
        "build_path": f"'{PATH}'",
        "build_user": "'another-builder'",
        "dpkg_buildpackage_user_options": f"[ '-R{inside}/vary debian/rules' ]",
    }
