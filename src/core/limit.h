/* SPDX-License-Identifier: BSD-3-Clause */
/* VCOL_LIMIT_AUTO: how much memory there is for this process. See limit.c. */
#ifndef VCOL_CORE_LIMIT_H
#define VCOL_CORE_LIMIT_H

#include <stdint.h>

/*
 * The least of the machine's memory and the limits of the control groups that the process is in, and of those these are in; bytes.
 * `root` stands before every path that is looked at ("" on a live system). 0: nothing is known.
 */
uint64_t vcol__limit_there(const char *root);
/* What a manager takes of it: seven eighths; the rest is for the program itself. 0 stays 0. */
uint64_t vcol__limit_auto(const char *root);

#endif
