/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * plan.c: `vcol plan show`: what a saved plan means for a table: per step what is read, made, released and held. Reads
 * metadata only.
 */
#include "cli.h"

#include <inttypes.h>

/* The sets, as they are shown. */
static const struct {
    const char *label, *key;
} sets[VCOL_PLAN_SETS] = {
    [VCOL_PLAN_READ] = {"reads", "read"},          [VCOL_PLAN_FOUND] = {"finds", "found"},
    [VCOL_PLAN_MADE] = {"makes", "made"},          [VCOL_PLAN_RELEASED] = {"releases", "released"},
    [VCOL_PLAN_AGAIN] = {"  each round", "again"}, [VCOL_PLAN_PINNED] = {"holds", "pinned"},
};

typedef struct showing {
    const vcol_plan_analysis *analysis;
    cli_text *out;
    int sized; /* there is a table */
} showing;

/* ---- text ---------------------------------------------------------------------------------------- */

static void show_set(const showing *s, int64_t i, const vcol_plan_step *step, vcol_plan_set what)
{
    vcol_plan_column column;
    vcol_error err = {0};
    cli_text_format(s->out, "  %-12s %3" PRId64 "  ", sets[what].label, step->n[what]);
    if (s->sized || step->bytes[what]) {
        cli_text_bytes(s->out, step->bytes[what]);
        if (what == VCOL_PLAN_READ && step->stored) {
            cli_text_puts(s->out, " from ");
            cli_text_bytes(s->out, step->stored);
        }
        cli_text_puts(s->out, "  ");
    }
    for (int64_t k = 0; k < step->n[what]; k++)
        if (vcol_plan_describe_column(s->analysis, i, what, k, &column, sizeof column, &err) == VCOL_OK) {
            cli_text_puts(s->out, k ? " " : "");
            cli_text_plain(s->out, column.name);
            cli_text_puts(s->out, column.unknown ? "?" : "");
        }
    cli_text_puts(s->out, "\n");
}

static void show_step(const showing *s, int64_t i)
{
    vcol_plan_step step;
    vcol_error err = {0};
    if (vcol_plan_describe(s->analysis, i, &step, sizeof step, &err) != VCOL_OK)
        return;
    cli_text_format(s->out, "\nstep %" PRId64 ": ", i);
    cli_text_plain(s->out, step.name);
    if (step.folds > 1 && step.fold_first == step.fold_last)
        cli_text_format(s->out, ", passed %" PRId64 " times", step.folds);
    else if (step.folds > 1)
        cli_text_format(s->out, ", one of steps %" PRId64 " to %" PRId64 ", passed %" PRId64 " times", step.fold_first,
                        step.fold_last, step.folds);
    cli_text_puts(s->out, step.known ? "\n" : ", its columns are still to be learned\n");
    for (int k = 0; k < VCOL_PLAN_SETS; k++)
        if (step.n[k])
            show_set(s, i, &step, (vcol_plan_set)k);
    cli_text_puts(s->out, "  memory            ");
    cli_text_bytes(s->out, step.during);
    cli_text_puts(s->out, " while it runs, ");
    cli_text_bytes(s->out, step.after);
    cli_text_puts(s->out, " after it\n");
}

/* ---- JSON ----------------------------------------------------------------------------------------- */

static void json_set(const showing *s, int64_t i, const vcol_plan_step *step, vcol_plan_set what)
{
    vcol_plan_column c;
    vcol_error err = {0};
    cli_text_format(s->out, ",\n   \"%s\":[", sets[what].key);
    for (int64_t k = 0; k < step->n[what]; k++) {
        if (vcol_plan_describe_column(s->analysis, i, what, k, &c, sizeof c, &err) != VCOL_OK)
            continue;
        cli_text_puts(s->out, k ? ",{\"name\":" : "{\"name\":");
        cli_text_json_string(s->out, c.name);
        cli_text_format(s->out, ",\"step\":%" PRId64 ",\"bytes\":", c.step);
        if (c.unknown)
            cli_text_puts(s->out, "null");
        else
            cli_text_format(s->out, "%" PRIu64, c.bytes);
        cli_text_format(s->out, ",\"stored\":%" PRIu64 ",\"offsets\":%s}", c.stored, c.offsets ? "true" : "false");
    }
    cli_text_puts(s->out, "]");
}

static void json_step(const showing *s, int64_t i)
{
    vcol_plan_step step;
    vcol_error err = {0};
    if (vcol_plan_describe(s->analysis, i, &step, sizeof step, &err) != VCOL_OK)
        return;
    cli_text_puts(s->out, i ? ",\n  {\"name\":" : "\n  {\"name\":");
    cli_text_json_string(s->out, step.name);
    cli_text_format(s->out,
                    ",\"known\":%s,\"folds\":%" PRId64 ",\"fold_first\":%" PRId64 ",\"fold_last\":%" PRId64
                    ",\"during\":%" PRIu64 ",\"after\":%" PRIu64 ",\"stored\":%" PRIu64,
                    step.known ? "true" : "false", step.folds, step.fold_first, step.fold_last, step.during, step.after,
                    step.stored);
    for (int k = 0; k < VCOL_PLAN_SETS; k++)
        json_set(s, i, &step, (vcol_plan_set)k);
    cli_text_puts(s->out, "}");
}

/* ---- the command ----------------------------------------------------------------------------------- */

static void show(const cli_options *options, const showing *s, int64_t entries)
{
    int64_t n = vcol_plan_analysis_steps(s->analysis), unknown;
    uint64_t peak = vcol_plan_analysis_peak(s->analysis, &unknown);
    if (options->json) {
        cli_text_puts(s->out, "{\"plan\":");
        cli_text_json_string(s->out, options->operands[0]);
        cli_text_format(s->out, ",\"entries\":%" PRId64 ",\"peak\":%" PRIu64 ",\"unknown\":%" PRId64 ",\"steps\":[", entries, peak,
                        unknown);
    } else {
        cli_text_plain(s->out, options->operands[0]);
        cli_text_format(s->out, ": %" PRId64 " step%s", n, n == 1 ? "" : "s");
        if (s->sized)
            cli_text_format(s->out, ", a chunk of %" PRId64 " entries", entries);
        cli_text_puts(s->out, ", at most ");
        cli_text_bytes(s->out, peak);
        if (unknown)
            cli_text_format(s->out, " and %" PRId64 " column%s of unknown size (?)", unknown, unknown == 1 ? "" : "s");
        cli_text_puts(s->out, "\n");
    }
    for (int64_t i = 0; i < n; i++) {
        if (options->json)
            json_step(s, i);
        else
            show_step(s, i);
    }
    if (options->json)
        cli_text_puts(s->out, "]}\n");
}

int cli_plan_show_run(const cli_options *options)
{
    cli_text out = {0};
    vcol_error err = {0};
    vcol_manager *manager = NULL;
    vcol_dataset *dataset = NULL;
    vcol_plan *plan = NULL;
    vcol_plan_analysis *analysis = NULL;
    vcol_plan_options o;
    int64_t entries = 0;
    int status = CLI_DONE, closed;
    vcol_plan_options_init(&o, sizeof o);
    vcol_plan_load(options->operands[0], &plan, &err);
    if (options->n_operands > 1) {
        cli_manager_open(options, VCOL_MANAGER_NO_BACKGROUND, &manager, &err);
        cli_dataset_open(manager, options, &options->operands[1], 1, 0, &dataset, &err);
    }
    if (!err.status && dataset) {
        entries = vcol_dataset_entries(dataset);
        entries = options->chunk && options->chunk < entries ? options->chunk : entries;
    }
    o.dataset = dataset;
    o.entries = entries;
    vcol_plan_analyze(plan, &o, &analysis, &err);
    if (err.status) {
        status = cli_fail(&err);
    } else {
        const showing s = {analysis, &out, dataset != NULL};
        show(options, &s, entries);
    }
    vcol_plan_analysis_close(analysis);
    vcol_plan_release(plan);
    vcol_dataset_close(dataset);
    vcol_manager_close(manager);
    cli_text_flush(&out, stdout);
    cli_text_free(&out);
    closed = cli_output_close();
    return status ? status : closed;
}
