/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Faults seeded on purpose, one a build, to show that the tests would find them: tests/faults compiles
 * buffer.c and load.c once for each. The library is built with none, and has no code of them. Each is also
 * one of the model in tests/model/buffer.pml.
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
    VCOL__FAULT_UNPIN = 5   /* the last unpin forgets the deferred clear */
};

#define VCOL__FAULT(name) (VCOL_FAULT == VCOL__FAULT_##name)

#endif
