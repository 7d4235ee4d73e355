#!/bin/sh
# Builds the modules of the stand-in base, in a chroot; before this stand $epoch, their time stamp,
# and $packages, the path of Python's packages. Of a wheel's data (PEP 427) only what belongs beside
# the modules is taken; all else is built by pip's own way to run a setup.py (setuptools imported
# first, so that metadata is an .egg-info folder). Then comes byte code with the paths and times of
# the installed files.
set -eu
export LC_ALL=C.UTF-8 HOME=/nonexistent PYTHONHASHSEED=0 SOURCE_DATE_EPOCH="$epoch"
unpack='import sys, tarfile, zipfile
name = sys.argv[1]
zipped = name.endswith((".whl", ".zip"))
(zipfile.ZipFile if zipped else tarfile.open)(name).extractall(sys.argv[2])'
install='import sys, setuptools
sys.argv[0] = __file__ = "setup.py"
execfile(__file__)'
mkdir -p /build/stage
for file in /build/in/*/*; do
    name=${file%/*} name=${name##*/}
    target=/build/stage/$name/$packages
    mkdir -p "$target" "/build/source/$name"
    case $file in
    *.whl)
        python2 -c "$unpack" "$file" "$target"
        for data in "$target"/*.data/p*lib; do
            [ ! -d "$data" ] || cp -a "$data/." "$target"
        done
        rm -rf "$target"/*.data
        continue
        ;;
    esac
    if ! {
        python2 -c "$unpack" "$file" "/build/source/$name" && cd "/build/source/$name"/*/ &&
            python2 -B -c "$install" install --root "/build/stage/$name" --install-layout=deb \
                --single-version-externally-managed --no-compile
    } >/build/log 2>&1; then
        cat /build/log
        echo "cannot build: $name: $(tail -n 1 /build/log)"
        exit 1
    fi
done
find /build/stage -exec touch -h -d "@$epoch" '{}' +
for tree in /build/stage/*; do
    # Some projects carry files for other versions of Python; those have no byte code then.
    python2 -m compileall -q -d "/$packages" "$tree/$packages" >/dev/null 2>&1 || true
done
find /build/stage -exec touch -h -d "@$epoch" '{}' +
