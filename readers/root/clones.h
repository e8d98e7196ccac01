/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Instances of a loop for the processor that runs it; the loops are plain so that compilers vectorise them.
 * Not under sanitizers: they are not ready yet when the loader chooses.
 */
#ifndef VCOL_ROOT_CLONES_H
#define VCOL_ROOT_CLONES_H

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define NO_CLONES
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || !defined(__x86_64__) ||                 \
    !defined(__gnu_linux__)
#define NO_CLONES
#endif
#if defined(NO_CLONES)
#define MULTIVERSION
#elif defined(__clang__)
#define MULTIVERSION __attribute__((target_clones("avx2", "default")))
#else
#define MULTIVERSION __attribute__((target_clones("avx2", "default"), optimize("O3")))
#endif

#endif
