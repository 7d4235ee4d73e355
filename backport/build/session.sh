#!/bin/sh
# A build's session, as root of the build user's ids, in namespaces of their own. The arguments: the
# stage, the number of repositories, "memory" or "disk", where repositories are seen in the chroot,
# the exit code where the chroot cannot be made ready; then the words of sbuild's command. The
# devices are those of sbuild's own sessions.
stage=$1 repositories=$2 place=$3 inside=$4 no_chroot=$5
shift 5
trap 'exit "$no_chroot"' EXIT
set -eu
umask 022
root=$stage/chroot/root
[ $place = disk ] || mount -t tmpfs -o mode=0755,size=60% chroot "$stage/chroot"
mkdir -m 0755 "$root"
echo "Unpacking $stage/chroot.tar"
tar --numeric-owner --exclude='./dev/*' -xf "$stage/chroot.tar" -C "$root"
bind() {
    mkdir -p "$root$inside/$2"
    mount --bind "$stage/$1" "$root$inside/$2"
}
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
printf '127.0.0.1 localhost\n127.0.1.1 sbuild\n' >"$root/etc/hosts"
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
