/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vcol: columns of event files as plain C arrays, read when asked for, dropped when told, prefetched in
 * the background, inside one memory limit.
 *
 * Read the headers in this order: base (errors, types), manager (memory, threads), dataset (files,
 * columns), chunk (arrays), loop, run (many threads), prefetch, plan, partition, then buffer (derived columns),
 * expect (what is used next), index (entries by run and event), source (other inputs), trace (where the time goes) and progress.
 * vcol/reader.h is for those who write a reader, vcol/scope.h for those who like block forms.
 */
#ifndef VCOL_VCOL_H
#define VCOL_VCOL_H

#include <vcol/base.h>
#include <vcol/buffer.h>
#include <vcol/chunk.h>
#include <vcol/dataset.h>
#include <vcol/expect.h>
#include <vcol/index.h>
#include <vcol/loop.h>
#include <vcol/manager.h>
#include <vcol/partition.h>
#include <vcol/plan.h>
#include <vcol/prefetch.h>
#include <vcol/progress.h>
#include <vcol/run.h>
#include <vcol/source.h>
#include <vcol/trace.h>

#endif
