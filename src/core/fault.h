/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Faults seeded on purpose, one a build, to show that the tests would find them: tests/faults compiles
 * the sources that have them once for each. The library is built with none, and has no code of them. Each is also
 * one of the models in tests/model: the first five of buffer.pml, the others of limit.pml.
 */
#ifndef VCOL_CORE_FAULT_H
#define VCOL_CORE_FAULT_H

#ifndef VCOL_FAULT
#define VCOL_FAULT 0
#endif

enum {
    VCOL__FAULT_EVICT = 1,  /* the evictor ignores pins */
    VCOL__FAULT_CLEAR = 2,  /* clear frees what is being loaded */
    VCOL__FAULT_LOADER = 3, /* who comes while another loads loads, too */
    VCOL__FAULT_WAITER = 4, /* one waiter is woken, not all */
    VCOL__FAULT_UNPIN = 5,  /* the last unpin forgets the deferred clear */
    VCOL__FAULT_CREDIT = 6,   /* memory leaves the account before it is freed */
    VCOL__FAULT_KICK = 7,     /* the last unpin does not tell those who wait for memory */
    VCOL__FAULT_RUNNABLE = 8, /* a grant over the limit although something runs */
    VCOL__FAULT_FAILED = 9,   /* a load that fails gives nothing back of what it had reserved */
    VCOL__FAULT_PREFETCH = 10, /* a prefetch waits for memory as a demand does */
    VCOL__FAULT_MOVING = 11,  /* a grant over the limit although memory is on its way back */
    VCOL__FAULT_ENDED = 12    /* the end of a load does not tell who has looked before */
};

#define VCOL__FAULT(name) (VCOL_FAULT == VCOL__FAULT_##name)

#endif
