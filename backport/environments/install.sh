#!/bin/sh
# Installs the packages of a layer, as root in the system. $1 is the folder with what is to be set up
# there. They count as installed automatically: autopkgtest and sbuild find them as if they had asked
# for them themselves.
set -e
export DEBIAN_FRONTEND=noninteractive
sh "$1/apply"
printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
chmod 0755 /usr/sbin/policy-rc.d
xargs --no-run-if-empty apt-get --quiet --yes install <"$1/words"
sed 's/=.*//' "$1/words" | xargs --no-run-if-empty apt-mark auto
rm -rf /usr/sbin/policy-rc.d /var/lib/apt/lists/*
apt-get clean
