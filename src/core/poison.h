/* SPDX-License-Identifier: BSD-3-Clause */
/* Memory that was cleared is poisoned under the address sanitizer, so that a stale pointer is reported. */
#ifndef VCOL_CORE_POISON_H
#define VCOL_CORE_POISON_H

#if defined(__SANITIZE_ADDRESS__)
#define VCOL__ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define VCOL__ASAN 1
#endif
#endif

#ifdef VCOL__ASAN
#include <sanitizer/asan_interface.h>
#define vcol__poison(p, n) ASAN_POISON_MEMORY_REGION((p), (n))
#define vcol__unpoison(p, n) ASAN_UNPOISON_MEMORY_REGION((p), (n))
#else
#define vcol__poison(p, n) ((void)(p), (void)(n))
#define vcol__unpoison(p, n) ((void)(p), (void)(n))
#endif

#endif
