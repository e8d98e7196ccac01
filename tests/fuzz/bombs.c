/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Small files that describe much: the memory of their metadata is refused before it is taken.
 *   - a tree whose list has 800,000 baskets of no bytes: more than limit and slack as objects, and fine
 * without limit
 *   - a tree's record that says that its few bytes unpack to 200 MB
 */
#include "fuzz.h"

#include <stdio.h>
#include <string.h>

enum { BASKETS = 800 * 1000, CLAIMED = 200 << 20 };

static int failed;

static void expect(const made_file *f, uint64_t limit, vcol_status wanted, const char *words)
{
    vcol_manager_options options;
    vcol_manager *manager = NULL;
    vcol_source *source = NULL;
    vcol_file *file = NULL;
    vcol_error err = {0};
    vcol_object_info info;
    vcol_status status;
    vcol_manager_options_init(&options, sizeof options);
    options.flags = VCOL_MANAGER_NO_BACKGROUND;
    options.limit = limit;
    vcol_manager_open(&options, &manager, &err);
    vcol_source_open_memory(f->bytes.data, f->bytes.n, "bomb.root", &source, &err);
    vcol_file_open(manager, "bomb.root", source, NULL, &file, &err);
    FUZZ_RULE(!err.status);
    status = vcol_file_object(file, 0, &info, &err);
    if (!status && info.note) { /* one that cannot be opened is listed, with the reason */
        status = VCOL_CORRUPT;
        vcol_error_format(&err, status, "%s", info.note);
    }
    if (status != wanted || !strstr(err.message, words)) {
        printf("limit %llu: %s, not %s: %s\n", (unsigned long long)limit, vcol_status_name(status),
               vcol_status_name(wanted), err.message);
        failed = 1;
    }
    vcol_file_close(file);
    vcol_source_release(source);
    vcol_manager_close(manager);
}

/* A tree with baskets where branches should be: objects all the same. */
static void many_baskets(made *m)
{
    size_t tree = made_tree_begin(m, 0), list = made_list_begin(m, BASKETS), object, first;
    first = m->n;
    object = made_object(m, "TBasket");
    made_end(m, object);
    for (int i = 1; i < BASKETS; i++) {
        made_u32(m, 0x40000004);
        made_u32(m, 0x80000000u | (uint32_t)(first + 4 + 2 + made_key_size("TTree", "Events")));
    }
    made_end(m, list);
    made_end(m, made_list_begin(m, 0));
    made_end(m, tree);
}

int main(void)
{
    made_file f;
    made tree = {0};
    size_t at;
    many_baskets(&tree);
    made_file_begin(&f, 0);
    made_file_record(&f, "TTree", "Events", tree.data, tree.n, 1);
    made_file_finish(&f);
    expect(&f, 0, VCOL_OK, "");
    expect(&f, 1 << 20, VCOL_LIMIT, "its metadata takes more than the memory limit");
    made_file_free(&f);

    made_file_begin(&f, 0);
    at = made_file_record(&f, "TTree", "Events", tree.data, 1000, 1);
    made_set32(&f.bytes, at + 6, CLAIMED); /* fObjlen */
    made_file_finish(&f);
    expect(&f, 0, VCOL_CORRUPT, "bytes of metadata cannot be in");
    made_file_free(&f);
    made_free(&tree);
    return failed;
}
