/* SPDX-License-Identifier: BSD-3-Clause */
/* What a program expects to use, inside the core. See vcol/expect.h. */
#ifndef VCOL_CORE_EXPECT_H
#define VCOL_CORE_EXPECT_H

#include <vcol/expect.h>

/* A pinned buffer of which more is expected: its next use is the one after. */
void vcol__expect_used(vcol_buffer *buffer);

#endif
