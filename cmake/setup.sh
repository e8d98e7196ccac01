# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=sh
# Sourced by ./demo, ./check and .ci/run, which run at the top of the source tree: what they install and how they build.

# What a build needs, on Debian 12, Ubuntu 24.04 and later; and what the tests need beyond that.
build_packages="gcc libc6-dev cmake ninja-build pkgconf libzstd-dev liblz4-dev libdeflate-dev liblzma-dev
    libxxhash-dev libjansson-dev"
test_packages="g++ check python3 spin openmpi-bin libopenmpi-dev"

# install_packages PACKAGE...: by apt-get, those that are missing; silent unless it fails. Elsewhere than on Debian and
# its like nothing is installed: cmake says what it lacks.
install_packages() {
    command -v apt-get > /dev/null && command -v dpkg-query > /dev/null || return 0
    missing=
    for package in "$@"; do
        case $(dpkg-query -W -f '${db:Status-Status}' "$package" 2> /dev/null) in
        installed*) ;;
        *) missing="$missing $package" ;;
        esac
    done
    [ -n "$missing" ] || return 0
    root=
    if [ "$(id -u)" -ne 0 ]; then
        root=sudo
        command -v sudo > /dev/null || {
            echo "these packages are missing, and only root or sudo can install them:$missing" >&2
            return 1
        }
    fi
    echo "installing:$missing"
    log=$(mktemp)
    {
        $root env DEBIAN_FRONTEND=noninteractive apt-get -q update &&
            $root env DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends install $missing
    } > "$log" 2>&1 < /dev/null || {
        cat "$log" >&2
        rm -f "$log"
        echo "apt-get failed" >&2
        return 1
    }
    rm -f "$log"
}

# quietly COMMAND...: its output is shown only if it fails.
quietly() {
    log=$(mktemp)
    "$@" > "$log" 2>&1 || {
        status=$?
        cat "$log" >&2
        rm -f "$log"
        echo "failed: $*" >&2
        return "$status"
    }
    rm -f "$log"
}

# configure PRESET [OPTION...]: build/PRESET, with ninja where it is there; a folder that exists keeps its generator.
configure() {
    preset=$1
    shift
    if [ ! -e "build/$preset/CMakeCache.txt" ] && command -v ninja > /dev/null; then
        quietly env CMAKE_GENERATOR=Ninja cmake --preset "$preset" "$@"
    else
        quietly cmake --preset "$preset" "$@"
    fi
}

# build FOLDER [TARGET...]: shows what the compiler says, and no progress.
build() {
    folder=$1
    shift
    if [ -e "$folder/build.ninja" ]; then quiet=--quiet; else quiet=-s; fi
    if [ $# -gt 0 ]; then
        cmake --build "$folder" -j "$(nproc)" --target "$@" -- $quiet
    else
        cmake --build "$folder" -j "$(nproc)" -- $quiet
    fi
}
