#!/bin/sh
# Makes a layer, in namespaces and as their root. $1 is where the files are, $2 what the system calls
# the folder of those that it sees. With these two words it is a chroot's tarball, of $1/chroot.tar;
# else a layer below $1/root, with the repository $3, over the system whose folder is named $4; it
# starts from the layer $5, or from nothing with "".
set -e

# $root is the system; $1/r0 the repository.
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
    # Descriptor 3 is open since before the change of user.
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
