/* SPDX-License-Identifier: BSD-3-Clause */
/* vcol/scope.h in C. */
#include "scope_ways.h"

int main(void)
{
    Suite *suite = suite_create("scope");
    ways_case(suite);
    return ways_run(suite);
}
