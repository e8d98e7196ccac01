/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Merging of byte ranges: sort, then one sweep that lets the present read grow while the rules allow.
 * Growing as far as possible gives the fewest reads, as a read's extent only grows with later spans.
 */
#include "io/merge.h"

static int before(const vcol__span *a, const vcol__span *b)
{
    if (!a->size != !b->size)
        return !a->size;
    if (a->offset != b->offset)
        return a->offset < b->offset;
    if (a->size != b->size)
        return a->size > b->size;
    return a->tag < b->tag;
}

/* Lets spans[i] sink in the heap of the first n (the last in order on top). */
static void sink(vcol__span *spans, int64_t i, int64_t n)
{
    vcol__span moving = spans[i];
    for (int64_t child; (child = 2 * i + 1) < n; i = child) {
        if (child + 1 < n && before(&spans[child], &spans[child + 1]))
            child++;
        if (!before(&moving, &spans[child]))
            break;
        spans[i] = spans[child];
    }
    spans[i] = moving;
}

/* Heap sort: in place whatever n is (qsort may allocate). Plans come mostly sorted: that costs one look. */
static void sort(vcol__span *spans, int64_t n)
{
    int64_t i = 1;
    while (i < n && !before(&spans[i], &spans[i - 1]))
        i++;
    if (i >= n)
        return;
    for (i = n / 2; i-- > 0;)
        sink(spans, i, n);
    for (i = n; --i > 0;) {
        vcol__span last = spans[0];
        spans[0] = spans[i];
        spans[i] = last;
        sink(spans, 0, i);
    }
}

vcol_status vcol__merge(vcol__span *spans, int64_t n, uint64_t gap, uint64_t max_read, vcol__read *reads,
                        int64_t *n_reads)
{
    *n_reads = 0;
    for (int64_t i = 0; i < n; i++)
        if (spans[i].size > UINT64_MAX - spans[i].offset)
            return VCOL_RANGE;
    sort(spans, n);
    if (!max_read)
        max_read = UINT64_MAX;

    int64_t k = -1; /* the present read */
    for (int64_t i = 0; i < n; i++) {
        vcol__span *s = &spans[i];
        if (!s->size) {
            s->read = -1;
            s->at = 0;
            continue;
        }
        uint64_t end = s->offset + s->size;
        int joins = 0;
        if (k >= 0) {
            uint64_t read_end = reads[k].offset + reads[k].size;
            if (end <= read_end) {
                joins = 1;
            } else if (end - reads[k].offset <= max_read &&
                       (s->offset <= read_end || s->offset - read_end <= gap)) {
                reads[k].wanted += end - (s->offset > read_end ? s->offset : read_end);
                reads[k].size = end - reads[k].offset;
                joins = 1;
            }
        }
        if (!joins)
            reads[++k] = (vcol__read){.offset = s->offset, .size = s->size, .wanted = s->size, .first = i};
        s->read = k;
        s->at = s->offset - reads[k].offset;
        reads[k].n++;
    }
    *n_reads = k + 1;
    return VCOL_OK;
}
