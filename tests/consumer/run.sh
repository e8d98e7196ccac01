#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Installs the built tree, moves it elsewhere, and builds and runs the program beside this file against it: by the CMake
# package and by pkg-config, with the shared and with the static library.
#
#     run.sh BUILD_DIR CC [FLAGS]      flags that the library was built and must be linked with
set -eu
here=$(cd "$(dirname "$0")" && pwd)
build=$1 cc=$2 flags=${3:-}
work=$build/consumer
rm -rf "$work"
mkdir -p "$work"

say() {
    echo "$1"
    shift
    "$@" > "$work/log" 2>&1 || { cat "$work/log"; exit 1; }
}

say "install" cmake --install "$build" --prefix "$work/first"
mv "$work/first" "$work/tree"
prefix=$work/tree
pc=$(find "$prefix" -name vcol.pc)
libdir=$(dirname "$(dirname "$pc")")
export PKG_CONFIG_PATH="${pc%/*}"
export LD_LIBRARY_PATH="$libdir"
export CC="$cc"
if command -v ninja > /dev/null; then export CMAKE_GENERATOR=Ninja; fi
export CFLAGS="$flags" LDFLAGS="$flags"

ways="package package-static pkg-config pkg-config-static"
[ ! -e "${pc%/*}/vcol-mpi.pc" ] || ways="$ways package-mpi pkg-config-mpi"
for via in $ways; do
    say "$via: configure" cmake -S "$here" -B "$work/$via" -DVIA=$via -DCMAKE_PREFIX_PATH="$prefix"
    say "$via: build" cmake --build "$work/$via"
    if ldd "$work/$via/consumer" | grep -q libvcol; then linked=shared; else linked=static; fi
    case $via:$linked in
    *-static:static | package:shared | pkg-config:shared | *-mpi:shared) ;;
    *) echo "$via: linked $linked"; exit 1 ;;
    esac
    say "$via: run" "$work/$via/consumer"
    cat "$work/log"
done

[ -x "$prefix/bin/vcol" ] || { echo "the vcol command is not installed"; exit 1; }
"$prefix/bin/vcol" --version
