/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * plot.c: histograms as an SVG picture: a grid of panels, each with axes, ticks and titles. Bins below
 * and above the range are not drawn; the panel says how many entries they hold.
 */
#include "adl.h"

#include <inttypes.h>

#define COLUMNS 3
#define WIDTH   380 /* of a panel, all lengths in pixels */
#define HEIGHT  280
#define LEFT    62 /* from the panel's border to its axes */
#define RIGHT   18
#define TOP     46
#define BOTTOM  48
#define HEAD    44 /* above all panels */

/* The smallest of 1, 2, 2.5, 5 times a power of ten that gives at most n steps over `range`. */
static double tick_step(double range, int n)
{
    static const double factors[] = {1, 2, 2.5, 5, 10};
    double power = pow(10, floor(log10(range / n)));
    for (size_t i = 0; i < sizeof factors / sizeof *factors; i++)
        if (range / (power * factors[i]) <= n + 1e-9)
            return power * factors[i];
    return power * 10;
}

static int64_t highest(const adl_histogram *h)
{
    int64_t top = 1;
    for (int bin = 1; bin <= ADL_BINS; bin++)
        if (h->counts[bin] > top)
            top = h->counts[bin];
    return top;
}

/* Writes text with the characters that XML reserves replaced. */
static void put_text(FILE *out, const char *text)
{
    for (; *text; text++) {
        if (*text == '<')
            fputs("&lt;", out);
        else if (*text == '>')
            fputs("&gt;", out);
        else if (*text == '&')
            fputs("&amp;", out);
        else
            fputc(*text, out);
    }
}

static void count_label(FILE *out, double value, double most)
{
    if (value == 0)
        fputs("0", out);
    else if (most >= 1e6)
        fprintf(out, "%gM", value / 1e6);
    else if (most >= 1e4)
        fprintf(out, "%gk", value / 1e3);
    else
        fprintf(out, "%g", value);
}

/* Grid lines, ticks and their labels; `most` is the value at the top. */
static void draw_axes(FILE *out, const adl_histogram *h, double most)
{
    double w = WIDTH - LEFT - RIGHT, height = HEIGHT - TOP - BOTTOM;
    double step = tick_step(most, 5);
    for (double v = 0; v <= most * (1 + 1e-9); v += step) {
        double y = height * (1 - v / most);
        fprintf(out,
                "<path class=\"grid\" d=\"M0 %.1fH%.0f\"/><text class=\"tick\" x=\"-6\" y=\"%.1f\" "
                "text-anchor=\"end\">",
                y, w, y + 3.5);
        count_label(out, v, most);
        fprintf(out, "</text>\n");
    }
    step = tick_step(h->to - h->from, 6);
    for (double v = ceil(h->from / step - 1e-9) * step; v <= h->to + 1e-9 * step; v += step) {
        double x = w * (v - h->from) / (h->to - h->from);
        fprintf(out,
                "<path class=\"axis\" d=\"M%.1f %.0fv4\"/><text class=\"tick\" x=\"%.1f\" y=\"%.0f\" "
                "text-anchor=\"middle\">%g</text>\n",
                x, height, x, height + 16, fabs(v) < 1e-9 * step ? 0 : v);
    }
}

static void draw_bins(FILE *out, const adl_histogram *h, double most)
{
    double w = WIDTH - LEFT - RIGHT, height = HEIGHT - TOP - BOTTOM;
    fprintf(out, "<path class=\"bins\" d=\"M0 %.0f", height);
    for (int bin = 1; bin <= ADL_BINS; bin++)
        fprintf(out, "V%.1fH%.2f", height * (1 - (double)h->counts[bin] / most), w * bin / ADL_BINS);
    fprintf(out, "V%.0fZ\"/>\n", height);
}

static void draw_panel(FILE *out, const adl_query *query, int which, const adl_histogram *h, int x, int y)
{
    double w = WIDTH - LEFT - RIGHT, height = HEIGHT - TOP - BOTTOM, most = (double)highest(h) * 1.08;
    int64_t entries = 0;
    for (int bin = 0; bin < ADL_BINS + 2; bin++)
        entries += h->counts[bin];
    fprintf(out, "<g transform=\"translate(%d %d)\">\n", x + LEFT, y + TOP);
    draw_axes(out, h, most);
    draw_bins(out, h, most);
    fprintf(out, "<path class=\"axis\" d=\"M0 0V%.0fH%.0f\"/>\n", height, w);
    fprintf(out, "<text class=\"title\" x=\"0\" y=\"-22\">Query %d: ", query->number);
    put_text(out, query->title);
    fprintf(out,
            "</text>\n<text class=\"note\" x=\"0\" y=\"-8\">%" PRId64 " entries, %" PRId64 " below, %" PRId64
            " above the range</text>\n",
            entries, h->counts[0], h->counts[ADL_BINS + 1]);
    fprintf(out, "<text class=\"label\" x=\"%.0f\" y=\"%.0f\" text-anchor=\"end\">", w, height + 34);
    put_text(out, query->histogram[which].label);
    fprintf(out,
            "</text>\n<text class=\"label\" transform=\"translate(%d 0) rotate(-90)\" "
            "text-anchor=\"end\">%s per bin</text>\n</g>\n",
            -LEFT + 14, query->number == 2 || query->number == 3 ? "jets" : "events");
}

int adl_plot(const char *path, const adl_query *const *queries, const adl_histogram *histograms, int n)
{
    FILE *out = fopen(path, "w");
    int panels = 0, at = 0, columns, rows, failed;
    if (!out)
        return -1;
    for (int q = 0; q < n; q++)
        panels += queries[q]->n_histograms;
    columns = panels < COLUMNS ? panels : COLUMNS;
    rows = (panels + COLUMNS - 1) / COLUMNS;
    fprintf(out,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\" "
            "font-family=\"Helvetica, Arial, sans-serif\">\n"
            "<style>.bins{fill:#b7d3ea;stroke:#1f5f99;stroke-width:1}.axis{fill:none;stroke:#333}"
            ".grid{fill:none;stroke:#e4e4e4}.title{font-size:13px;font-weight:bold}.note{font-size:10px;"
            "fill:#666}.tick{font-size:10px;fill:#333}.label{font-size:11px;fill:#333}</style>\n"
            "<rect width=\"100%%\" height=\"100%%\" fill=\"white\"/>\n"
            "<text x=\"16\" y=\"28\" font-size=\"17\" font-weight=\"bold\">ADL benchmark queries</text>\n",
            columns * WIDTH, rows * HEIGHT + HEAD, columns * WIDTH, rows * HEIGHT + HEAD);
    for (int q = 0; q < n; q++)
        for (int h = 0; h < queries[q]->n_histograms; h++, at++)
            draw_panel(out, queries[q], h, &histograms[q * ADL_MAX_HISTOGRAMS + h], at % COLUMNS * WIDTH,
                       HEAD + at / COLUMNS * HEIGHT);
    fprintf(out, "</svg>\n");
    failed = ferror(out);
    return fclose(out) || failed ? -1 : 0;
}
