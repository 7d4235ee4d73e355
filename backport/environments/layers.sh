#!/bin/sh
# Makes a layer, in namespaces and as their root.
#
# $1: the folder that the layer's files come into.
# $2: a path in the system, for what is mounted there.
# With these two alone it makes a build chroot's tarball, from $1/chroot.tar.
#
# With more it makes $1/root, an overlay for a testbed's root.
# $3: the repository.
# $4: the name of the testbed's root, a folder beside $1.
# $5: the overlay of the layer to start from, or "".
set -e

# Install the packages. $root is the system, and the repository is at $1/r0.
in_system() {
    mkdir -p "$root$2/0" "$root$2/setup" "$root/dev" "$root/proc"
    mount --bind "$1/r0" "$root$2/0"
    mount --bind "$1/setup" "$root$2/setup"
    mount --rbind /dev "$root/dev"
    mount -t proc proc "$root/proc"
    env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin chroot "$root" sh "$2/setup/install" "$2/setup"
    umount "$root$2/0" "$root$2/setup"
    rmdir "$root$2/0" "$root$2/setup"
}

if [ $# -eq 2 ]; then
    root=$1/chroot
    mount -t tmpfs -o mode=0755,size=60% layer "$root"
    tar --numeric-owner --exclude='./dev/*' -xf "$1/chroot.tar" -C "$root"
    in_system "$@"
    # Descriptor 3 was opened before the change of user.
    tar --numeric-owner --one-file-system -C "$root" -cf - . >&3
    exit
fi
umask 022
cd "$1"
root=$1/merged
[ -z "$5" ] || cp -a "$5" root
mkdir -m 0755 -p root work merged r0
mount --bind "$3" r0
# Relative names: a path may have what the options of overlayfs give a meaning. Volatile: dpkg waits
# for the disk at each package, and nobody needs this layer if the machine fails before it is done.
mount -t overlay -o "lowerdir=../$4,upperdir=root,workdir=work,volatile" layer merged
in_system "$@"
umount --recursive merged r0
rmdir merged r0
rm -rf work
