/* SPDX-License-Identifier: BSD-3-Clause */
/* Hashes that formats and tools use. */
#include <vcol/reader.h>

#include <xxhash.h>

uint64_t vcol_hash_xxh64(const void *data, size_t n)
{
    return XXH64(data, n, 0);
}
