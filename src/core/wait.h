/* SPDX-License-Identifier: BSD-3-Clause */
/* Who waits for what: a record of each thread that blocks, for the watchdog and the debugger. See wait.c. */
#ifndef VCOL_CORE_WAIT_H
#define VCOL_CORE_WAIT_H

#include "core/sync.h"

#include <vcol/manager.h>

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct vcol__load;
struct vcol__block;

/* A blocking wait; on the stack of the thread that waits. One of `load`, `block`, `what`. */
typedef struct vcol__wait {
    const struct vcol__load *load;   /* until it has ended */
    const struct vcol__block *block; /* until it is unpacked */
    const char *what;                /* something else: a constant text */
    uint64_t bytes, held;            /* of memory that is waited for, and that its load holds already */
    int32_t kind;                    /* of `what`, for the trace: vcol__trace_kind; 0: other */
    /* set by vcol__wait_begin */
    const struct vcol__load *making; /* what the thread makes; NULL: nothing */
    int64_t thread, start; /* start: ns */
    struct vcol__wait *next, *previous; /* waits.lock */
} vcol__wait;

typedef struct vcol__waits {
    vcol__lock lock;
    vcol__wait *first, *last; /* the oldest first; waits.lock */
} vcol__waits;

void vcol__waits_init(vcol__waits *waits);
void vcol__waits_destroy(vcol__waits *waits);
/* Around a wait; under any lock up to the account's. What the record names lives as long as it is listed. */
void vcol__wait_begin(vcol_manager *m, vcol__wait *wait);
void vcol__wait_end(vcol_manager *m, vcol__wait *wait);
/* The number by which the system knows this thread. Never 0. */
int64_t vcol__wait_thread(void);

/*
 * Prints a line for each thread that waits, the oldest wait first, and the memory. Takes no lock that it does not get soon,
 * and says so: it may be called in a hang, and from a signal handler of a process that ends. False: nobody waits, or it is
 * not known.
 */
bool vcol__load_print_waits(vcol_manager *m, FILE *out);

#endif
