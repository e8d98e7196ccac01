#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Each public header compiles alone, and twice, as C11 and as C++17, with all warnings as errors; vcol.h includes every
# other one but reader.h, scope.h and mpi.h (which needs MPI, and is left out without it); the macro of scope.h can be used in both languages.
#
#     test_headers.sh SOURCE_DIR CC CXX
set -eu
source=$1 cc=$2 cxx=$3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0 n=0

compile() { # file without suffix: as both languages
    for way in "$cc -x c -std=c11" "$cxx -x c++ -std=c++17"; do
        n=$((n + 1))
        $way ${extra:-} -Wall -Wextra -pedantic -Werror -fsyntax-only -I"$source/include" "$1" || {
            failed=1
            echo "fails: $way: $(head -1 "$1")"
        }
    done
}

for header in "$source"/include/vcol/*.h; do
    name=${header##*/}
    extra=
    if [ "$name" = mpi.h ]; then
        # as system headers: their warnings are not ours
        extra=$(pkg-config --cflags-only-I ompi-c 2> /dev/null | sed 's/-I/-isystem /g') || extra=
        printf '#include <mpi.h>\n' > "$work/alone.c"
        $cc $extra -x c -fsyntax-only "$work/alone.c" 2> /dev/null || { echo "no MPI: mpi.h is left out"; continue; }
    fi
    printf '#include <vcol/%s>\n#include <vcol/%s>\nint dummy;\n' "$name" "$name" > "$work/alone.c"
    compile "$work/alone.c"
    included=$(grep -c "^#include <vcol/$name>" "$source/include/vcol/vcol.h" || :)
    case $name in
    vcol.h | reader.h | scope.h | mpi.h) wanted=0 ;;
    *) wanted=1 ;;
    esac
    [ "$included" -eq $wanted ] || { failed=1; echo "vcol.h includes $name $included times, not $wanted"; }
done

cat > "$work/scope.c" << 'END'
#include <vcol/scope.h>
int use(vcol_chunk *chunk);
int use(vcol_chunk *chunk)
{
    VCOL_PREFETCH_SCOPE(chunk, "Jet_*");
    {
        VCOL_PREFETCH_SCOPE(chunk, "MET_pt");
        return 1;
    }
}
END
compile "$work/scope.c"

[ $failed -eq 0 ] && echo "$n compilations without a warning"
exit $failed
