/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vcol/progress.h: how far a pass has come, how fast, and how long it will take. Loops report it
 * (vcol_loop_options.progress); a program that walks over entries by itself can keep one of its own.
 */
#ifndef VCOL_PROGRESS_H
#define VCOL_PROGRESS_H

#include <vcol/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What has been done at `seconds`. Transparent: in storage of the caller's. Bytes are of the files, as stored. */
typedef struct vcol_progress {
    int64_t entries, entries_total;
    uint64_t bytes;       /* read from the files so far, gaps and what was read again included */
    uint64_t bytes_total; /* stored bytes of the columns known so far over all entries; 0 = not known. It grows as columns
                             are learned */
    double seconds;       /* since the beginning */
    double rate;          /* entries a second: of late (the last five seconds weigh 63 %); 0 before the first report */
    double bytes_rate;    /* bytes a second, likewise */
    double remaining;     /* seconds to go at that rate; -1 = not known */
    /* the arithmetic's own */
    double start, last; /* seconds of the caller's clock */
    int64_t last_entries;
    uint64_t last_bytes;
    double weight; /* of what `rate` was made from, up to 1 */
} vcol_progress;

/* Called where a pass comes on, by the thread that does; no lock is held. It may call anything but the loop itself. */
typedef void (*vcol_progress_fn)(const vcol_progress *progress, void *opaque);

/*
 * Begins; `now` is seconds of any clock that does not go back, the same one in every call. bytes_total may be 0.
 */
VCOL_API void vcol_progress_begin(vcol_progress *progress, int64_t entries_total, uint64_t bytes_total, double now);
/*
 * So many entries are done and so many bytes read, since the beginning. Numbers that went back, and a clock that stood
 * still, change no rate.
 */
VCOL_API void vcol_progress_update(vcol_progress *progress, int64_t entries, uint64_t bytes, double now);

#ifdef __cplusplus
}
#endif
#endif
