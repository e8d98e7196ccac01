#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# The names declared with VCOL_API in the public headers, the names in the version script and the names that the shared
# library exports are the same; and whatever the static library defines begins with vcol_.
#
# libvcol-mpi, where it was built, exports what mpi.h declares.
#
#     test_symbols.sh SOURCE_DIR LIBVCOL_SO LIBVCOL_A [LIBVCOL_MPI_SO]
set -eu
export LC_ALL=C
source=$1 shared=$2 static=$3 mpi=${4:-}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

# A declaration's first name that is followed by a parenthesis, on the line of VCOL_API or the one after it.
declared() { # headers
    awk '/^VCOL_API/ { want = 1 }
         want && match($0, /vcol_[a-z0-9_]+\(/) { print substr($0, RSTART, RLENGTH - 1); want = 0 }' "$@" | sort
}
headers=$(printf '%s\n' "$source"/include/vcol/*.h | grep -v '/mpi\.h$')
declared $headers > "$work/declared"
grep -c '^VCOL_API' $headers | awk -F: '{ n += $2 } END { print n }' > "$work/count"
sed -n '/global:/,/local:/s/^ *\(vcol_[a-z0-9_]*\);.*/\1/p' "$source/src/libvcol.map" | sort > "$work/mapped"
nm -D --defined-only "$shared" | awk '$2 ~ /[A-TV-Z]/ && $2 != "A" { sub(/@.*/, "", $3); print $3 }' | sort > "$work/exported"

differ() { # what, file of names
    if [ -s "$2" ]; then
        failed=1
        echo "$1 ($(wc -l < "$2")):"
        sed 's/^/  /' "$2"
    fi
}
uniq -d "$work/declared" > "$work/twice"
differ "declared twice" "$work/twice"
[ "$(wc -l < "$work/declared")" -eq "$(cat "$work/count")" ] || { failed=1; echo "a VCOL_API declaration has no name here"; }
comm -23 "$work/declared" "$work/mapped" > "$work/d1"
comm -13 "$work/declared" "$work/mapped" > "$work/d2"
comm -23 "$work/declared" "$work/exported" > "$work/d3"
comm -13 "$work/declared" "$work/exported" > "$work/d4"
differ "declared but not in src/libvcol.map" "$work/d1"
differ "in src/libvcol.map but not declared" "$work/d2"
differ "declared but not exported (not defined?)" "$work/d3"
differ "exported but not declared" "$work/d4"

if [ -n "$mpi" ]; then
    declared "$source/include/vcol/mpi.h" > "$work/mpi_declared"
    sed -n '/global:/,/local:/s/^ *\(vcol_[a-z0-9_]*\);.*/\1/p' "$source/src/mpi/libvcol-mpi.map" | sort > "$work/mpi_mapped"
    nm -D --defined-only "$mpi" | awk '$2 ~ /[A-TV-Z]/ && $2 != "A" { sub(/@.*/, "", $3); print $3 }' | sort > "$work/mpi_exported"
    comm -3 "$work/mpi_declared" "$work/mpi_mapped" > "$work/d5"
    comm -3 "$work/mpi_declared" "$work/mpi_exported" > "$work/d6"
    differ "of libvcol-mpi: declared or in its map, not both" "$work/d5"
    differ "of libvcol-mpi: declared or exported, not both" "$work/d6"
fi

nm -g --defined-only "$static" | awk 'NF == 3 { print $3 }' |
    grep -Ev '^(vcol_|__(odr_asan|asan|tsan|gcov|llvm|start|stop|sanitizer))' | sort -u > "$work/foreign" || :
differ "defined by the static library without vcol_ before it" "$work/foreign"

[ $failed -eq 0 ] && echo "$(wc -l < "$work/declared") names, all declared, mapped and exported"
exit $failed
