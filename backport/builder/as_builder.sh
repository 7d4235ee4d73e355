#!/bin/sh
# Enters the view, as root in a mount namespace: $0 is in the stage, $1 the folder, $2 the build user.
set -e
umask 022
stage=${0%/*} folder=$1 user=$2; shift 2
view=$stage/view
mount -t tmpfs -o mode=0755 view "$view"
for path in /bin /sbin /lib* /usr /etc /dev /proc /var/lib/dpkg "$stage/read" "$folder"; do
    if [ -L "$path" ]; then
        cp -P "$path" "$view$path"
    else
        mkdir -p "$view$path"
        mount --rbind "$path" "$view$path"
    fi
done
exec chroot "$view" setpriv --reuid="${user%:*}" --regid="${user#*:}" --clear-groups \
    --no-new-privs -- "$@"
