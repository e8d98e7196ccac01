/* SPDX-License-Identifier: BSD-3-Clause */
/* vcol/scope.h in C++: the ways out that C has, and an exception. */
#include "scope_ways.h"

#include <stdexcept>
#include <type_traits>

static_assert(!std::is_copy_constructible<vcol::prefetch_scope>::value, "a scope has one owner");
static_assert(!std::is_copy_assignable<vcol::prefetch_scope>::value, "a scope has one owner");

static void throws(const ways *w)
{
    VCOL_PREFETCH_SCOPE(w->chunk, WAYS_COLUMNS);
    ways_inside(w);
    throw std::runtime_error("on the way");
}

START_TEST(scope_ends_with_an_exception)
{
    ways *w = ways_open();
    bool caught = false;
    try {
        VCOL_PREFETCH_SCOPE(w->chunk, "run");
        throws(w);
    } catch (const std::runtime_error &) {
        caught = true;
    }
    ck_assert(caught);
    ways_outside(w, 1);
    ways_close(w);
}
END_TEST

int main()
{
    Suite *suite = suite_create("scope_cxx");
    tcase_add_test(ways_case(suite), scope_ends_with_an_exception);
    return ways_run(suite);
}
