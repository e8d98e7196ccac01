/* SPDX-License-Identifier: BSD-3-Clause */
#include "codec/pack.h"

#include <limits.h>
#include <lz4.h>

size_t vcol__lz4_pack_bytes(void)
{
    return (size_t)LZ4_sizeofState();
}

size_t vcol__lz4_pack(void *memory, const void *from, size_t n, void *to, size_t room)
{
    if (n > LZ4_MAX_INPUT_SIZE || room > INT_MAX)
        return 0;
    int made = LZ4_compress_fast_extState(memory, from, to, (int)n, (int)room, 1);
    return made > 0 ? (size_t)made : 0;
}

int vcol__lz4_unpack(const void *from, size_t packed, void *to, size_t n)
{
    if (packed > INT_MAX || n > LZ4_MAX_INPUT_SIZE)
        return -1;
    return LZ4_decompress_safe(from, to, (int)packed, (int)n) == (int)n ? 0 : -1;
}
