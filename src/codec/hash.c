/* SPDX-License-Identifier: BSD-3-Clause */
/* Hashes that formats and tools use. */
#include "codec/codec.h"

#include <vcol/reader.h>

#include <xxhash.h>
#ifdef VCOL_XXHASH_DISPATCHES
#include <xxh_x86dispatch.h> /* the names of XXH3's functions become those of their dispatchers */
#endif

uint64_t vcol_hash_xxh64(const void *data, size_t n)
{
    return XXH64(data, n, 0);
}

uint64_t vcol_hash_xxh3(const void *data, size_t n)
{
    return XXH3_64bits(data, n);
}

void vcol__hash_128(const void *data, size_t n, uint64_t *low, uint64_t *high)
{
    XXH128_hash_t h = XXH3_128bits(data, n);
    *low = h.low64;
    *high = h.high64;
}
