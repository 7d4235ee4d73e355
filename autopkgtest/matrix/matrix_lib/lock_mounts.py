"""Commands in a mount namespace of their own, where a directory is read-only or full.

The machine outside sees nothing of it.  Where mounting is not allowed, a
check is skipped, with the reason, and never passed.

Runs under Python 2.7 and 3.
"""

import subprocess

import lock_check

# In each script $0 is the directory and "$@" the command.
READ_ONLY = 'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && exec "$@"'
_SMALL = """\
saved=$(mktemp -d) && cp -a "$0/." "$saved" &&
mount -t tmpfs -o size=8m,nr_inodes=300,mode=755 tmpfs "$0" &&
cp -a "$saved/." "$0" && rm -rf "$saved" || exit 120
"""
# No inode is left: not even an empty lock file can be made.
NO_INODES = _SMALL + """\
number=0
while touch "$0/fill.$number" 2>/dev/null && [ $number -lt 1000 ]; do number=$((number + 1)); done
exec "$@"
"""
# No block is left: files can be made and not written.  Then there is room again.
FULL_THEN_FREE = _SMALL + """\
dd if=/dev/zero of="$0/fill" bs=4096 2>/dev/null
"$@" >"$REPORT/first.out" 2>&1 </dev/null
echo $? >"$REPORT/first"
find "$0" "$WORK" "$LOGS" -name .certbot.lock >"$REPORT/left"
rm "$0/fill"
"$@" >"$REPORT/second.out" 2>&1 </dev/null
echo $? >"$REPORT/second"
$LINEAGE "$0" >"$REPORT/lineage" 2>&1
echo $? >"$REPORT/lineage.code"
"""


def within(script, directory, command):
    """The command that runs another one in the namespace that a script makes."""
    return ["unshare", "--mount", "sh", "-c", script, directory] + list(command)


def need_mounts(directory):
    """Raise Skipped where this process may not mount."""
    try:
        tried = subprocess.Popen(within(READ_ONLY, directory, ["true"]),
                                 stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    except OSError as error:
        raise lock_check.Skipped("unshare cannot be run: {0}.".format(error))
    said = tried.communicate()[0].decode("utf-8", "replace").strip()
    if tried.returncode != 0:
        raise lock_check.Skipped("Mounting is not allowed here: {0}.".format(said))
