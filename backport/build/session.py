"""The session of a build: its chroot, unpacked and with its mounts, and sbuild inside its view.

sbuild's mode autopkgtest has autopkgtest-virt-chroot(1) run each command in the chroot. Its mode
unshare makes a user namespace, and mounts anew, for each of about sixty commands: that took three
quarters of a short build's time. Here both are made once.
"""

from __future__ import annotations

from backport.environments.apt_setup import INSIDE

NO_CHROOT = 125
"""The exit code where sbuild was not started, since the chroot could not be made ready."""

# As root of the build user's ids, in namespaces of their own: $1 is the stage, $2 the number of
# repositories, $3 "memory" or "disk"; then come the words of sbuild's command. The devices are
# those of sbuild's own sessions.
SCRIPT = f"""\
trap 'exit {NO_CHROOT}' EXIT
set -eu
umask 022
stage=$1 repositories=$2 place=$3
shift 3
root=$stage/chroot/root
[ $place = disk ] || mount -t tmpfs -o mode=0755,size=60% chroot "$stage/chroot"
mkdir -m 0755 "$root"
echo "Unpacking $stage/chroot.tar"
tar --numeric-owner --exclude='./dev/*' -xf "$stage/chroot.tar" -C "$root"
bind() {{
    mkdir -p "$root{INSIDE}/$2"
    mount --bind "$stage/$1" "$root{INSIDE}/$2"
}}
bind setup setup
while [ "$repositories" -gt 0 ]; do
    repositories=$((repositories - 1))
    bind "r$repositories" "$repositories"
done
mkdir -p "$root/dev/pts" "$root/dev/shm" "$root/proc" "$root/sys"
for device in console full null random tty urandom zero; do
    [ -e "/dev/$device" ] || continue
    : >"$root/dev/$device"
    mount --bind "/dev/$device" "$root/dev/$device"
done
ln -s /proc/self/fd "$root/dev/fd"
ln -s fd/0 "$root/dev/stdin"
ln -s fd/1 "$root/dev/stdout"
ln -s fd/2 "$root/dev/stderr"
ln -s pts/ptmx "$root/dev/ptmx"
mount -t devpts -o noexec,nosuid,gid=5,mode=620,ptmxmode=666 devpts "$root/dev/pts"
mount -t tmpfs shm "$root/dev/shm"
mount -t proc proc "$root/proc"
mount --rbind /sys "$root/sys"
hostname sbuild
printf '127.0.0.1 localhost\\n127.0.1.1 sbuild\\n' >"$root/etc/hosts"
mount --bind "$root/etc/hosts" /etc/hosts
: >"$root/etc/resolv.conf"
ip link set lo up
chroot "$root" /bin/sh -c : # where it cannot, sbuild would wait for the time limit
cd "$stage/result"
trap - EXIT
status=0
"$@" || status=$?
if [ $status != 0 ] && [ -d "$stage/kept" ]; then
    # Without what is mounted in there.
    mount --bind "$root" "$stage/source"
    cp -a "$stage/source" "$stage/kept/root"
fi
exit $status
"""

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/usr/games"
"""What sbuild's other modes set in the chroot."""


def settings(root: str, user: str) -> dict[str, str]:
    """Settings of sbuild, as Perl expressions, for its part in the session.

    Parameters:
        root: the path of the unpacked chroot.
        user: who builds in there; sbuild makes that user.
    """
    return {
        "chroot_mode": "'autopkgtest'",
        "autopkgtest_virt_server": "'autopkgtest-virt-chroot'",
        # sbuild starts a command without PATH; a shell in the chroot would take its default.
        "autopkgtest_virt_server_options": f"[ '--gain-root', 'env PATH={_PATH}', '{root}' ]",
        "build_user": f"'{user}'",
    }
