/* SPDX-License-Identifier: BSD-3-Clause */
/* The task that plans prefetched loads and reads their input. See reading.c. */
#ifndef VCOL_CORE_READING_H
#define VCOL_CORE_READING_H

#include <vcol/manager.h>

/* Sees to it that a task comes if there is something to plan or to read. */
void vcol__reading_want(vcol_manager *m);
/* The task; `m` is a manager that was acquired for it. */
void vcol__reading_task(void *m);

#endif
