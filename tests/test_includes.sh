#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Who may include whom: the arrows of docs/design.md, "Layers". A file may include its own folder, <vcol/...> and the
# system's headers, and of the folders in src/ those that stand after its own name in the table below.
#
#     test_includes.sh SOURCE_DIR
set -eu
cd "$1"
failed=0 n=0

fault() {
    failed=1
    echo "$1: includes $2: $3"
}

# Lines "file name" for every include of a header of ours, for the files given on stdin; <vcol/x.h> keeps its brackets.
includes() {
    xargs -r awk '
        /^[ \t]*#[ \t]*include[ \t]*"/ { match($0, /"[^"]*"/); print FILENAME, substr($0, RSTART + 1, RLENGTH - 2) }
        /^[ \t]*#[ \t]*include[ \t]*</ { match($0, /<[^>]*>/); print FILENAME, substr($0, RSTART, RLENGTH) }'
}

sources() { # folders that exist
    for folder in "$@"; do
        [ ! -d "$folder" ] || find "$folder" -name '*.[ch]' | sort
    done
}

# Each layer of src/ and the layers below it that it may use.
may_use() {
    case $1 in
    codec | io) echo "" ;;
    core) echo "io codec" ;;
    array) echo "core io codec" ;;
    dataset) echo "array core io codec" ;;
    mpi) echo "" ;;
    *) echo "?" ;;
    esac
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The layers of the library.
for layer in $(find src -mindepth 1 -maxdepth 1 -type d | sed 's,.*/,,' | sort); do
    [ "$layer" != cli ] || continue
    allowed=$(may_use "$layer")
    [ "$allowed" != "?" ] || { failed=1; echo "src/$layer: no such layer in the design"; continue; }
    sources "src/$layer" | includes > "$work/list"
    while read -r file name; do
        n=$((n + 1))
        case $name in
        "<"*) continue ;;
        *../*) fault "$file" "$name" "no way up"; continue ;;
        readers/*) fault "$file" "$name" "src knows no reader"; continue ;;
        esac
        [ ! -e "${file%/*}/$name" ] || continue
        to=${name%%/*}
        case " $layer $allowed " in
        *" $to "*) ;;
        *) fault "$file" "$name" "$layer may use: ${allowed:-nothing else of ours}" ;;
        esac
    done < "$work/list"
done

# Readers: <vcol/reader.h> and their own folder. The commands, examples and benchmarks: public headers and their own.
sources readers | includes > "$work/list"
while read -r file name; do
    n=$((n + 1))
    case $name in
    "<vcol/reader.h>") ;;
    "<vcol/"*) fault "$file" "$name" "a reader includes <vcol/reader.h> and nothing else of ours" ;;
    "<"*) ;;
    *../*) fault "$file" "$name" "no way up" ;;
    *) [ -e "${file%/*}/$name" ] || fault "$file" "$name" "not in the reader's folder" ;;
    esac
done < "$work/list"
sources src/cli bench examples tests/examples tests/consumer | includes > "$work/list"
while read -r file name; do
    n=$((n + 1))
    case $name in
    "<"*) ;;
    *../*) # a neighbour inside bench/ is fine
        path=$(realpath --relative-to=. "${file%/*}/$name" 2> /dev/null || echo outside)
        case $file:$path in bench/*:bench/*) ;; *) fault "$file" "$name" "public headers only" ;; esac ;;
    number.h) # of src/cli: how options say numbers, for other programs of the project, too
        case $file in src/cli/* | bench/*) ;; *) fault "$file" "$name" "public headers only" ;; esac ;;
    *) # its own folder, or in bench/ what is shared at the top of it
        case $file in bench/*) shared=bench ;; *) shared=${file%/*} ;; esac
        [ -e "${file%/*}/$name" ] || [ -e "$shared/$name" ] || fault "$file" "$name" "public headers only" ;;
    esac
done < "$work/list"

# The public headers: each other and the system's.
sources include | includes > "$work/list"
while read -r file name; do
    n=$((n + 1))
    case $name in
    "<"*) ;;
    *) fault "$file" "$name" "public headers include <vcol/...>" ;;
    esac
done < "$work/list"

# Tests of internals include headers, never a .c file.
sources src readers tests bench | includes > "$work/list"
while read -r file name; do
    case $name in
    *.c | *.c\>) fault "$file" "$name" "a .c file is not included" ;;
    esac
done < "$work/list"

# The codecs' own headers stay behind the codec table.
sources src readers | grep -v '^src/codec/' | includes > "$work/list"
while read -r file name; do
    case $name in
    "<zstd.h>" | "<lz4.h>" | "<lz4frame.h>" | "<libdeflate.h>" | "<lzma.h>")
        fault "$file" "$name" "codecs are used through src/codec" ;;
    esac
done < "$work/list"

[ $failed -eq 0 ] && echo "$n includes follow the arrows"
exit $failed
