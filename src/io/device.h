/* SPDX-License-Identifier: BSD-3-Clause */
/* io/device.h: the emulated device's link, apart from clock and threads, so that a test can step it. */
#ifndef VCOL_IO_DEVICE_H
#define VCOL_IO_DEVICE_H

#include <stdint.h>

/* All times are ns of one clock. Bytes pass the link one read after the other, in the order of booking. */
typedef struct vcol__link {
    uint64_t latency;          /* ns from asking to the first byte; latencies of different reads overlap */
    uint64_t bytes_per_second; /* 0 = no limit */
    uint64_t free_at;          /* when the last byte booked so far will have passed */
} vcol__link;

/* Books a read asked for at `now`; returns when its last byte is there. */
uint64_t vcol__link_book(vcol__link *link, uint64_t now, uint64_t bytes);

#endif
