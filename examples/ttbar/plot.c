/* SPDX-License-Identifier: BSD-3-Clause */
/* plot.c: the two regions side by side as an SVG picture: nominal as steps, the variations of the scale beside it. */
#include "ttbar.h"

#include <math.h>

enum { WIDTH = 460, HEIGHT = 320, LEFT = 64, TOP = 44, RIGHT = 16, BOTTOM = 48 };

static const struct {
    int variation;
    const char *colour, *style;
} lines[] = {{PT_SCALE_UP, "#d95f02", "4 2"}, {PT_SCALE_DOWN, "#1b9e77", "4 2"}, {NOMINAL, "#222", ""}};

static int64_t highest(const ttbar_histograms *h, int region)
{
    int64_t top = TTBAR_UNITS;
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        for (int bin = 1; bin <= TTBAR_BINS; bin++)
            if (h->sum[region][lines[i].variation][bin] > top)
                top = h->sum[region][lines[i].variation][bin];
    return top;
}

/* The smallest of 1, 2, 5 times a power of ten that gives at most n steps over the range. */
static double tick_step(double range, int n)
{
    double power = pow(10, floor(log10(range / n)));
    return range <= n * power ? power : range <= 2 * n * power ? 2 * power : range <= 5 * n * power ? 5 * power : 10 * power;
}

static void steps(FILE *out, const int64_t *sums, double top, double x0, const char *colour, const char *style)
{
    double width = (double)(WIDTH - LEFT - RIGHT) / TTBAR_BINS, height = HEIGHT - TOP - BOTTOM;
    fprintf(out, "<polyline fill=\"none\" stroke=\"%s\" stroke-width=\"1.5\" stroke-dasharray=\"%s\" points=\"", colour, style);
    for (int bin = 1; bin <= TTBAR_BINS; bin++) {
        double y = HEIGHT - BOTTOM - height * (double)sums[bin] / top;
        fprintf(out, "%.1f,%.1f %.1f,%.1f ", x0 + width * (bin - 1), y, x0 + width * bin, y);
    }
    fprintf(out, "\"/>\n");
}

static void panel(FILE *out, const ttbar_histograms *h, int region, const char *label)
{
    double left = region * WIDTH + LEFT, right = region * WIDTH + WIDTH - RIGHT, bottom = HEIGHT - BOTTOM;
    double top = (double)highest(h, region) * 1.08;
    fprintf(out, "<text x=\"%.0f\" y=\"24\" font-weight=\"bold\">%s</text>\n", left, ttbar_regions[region]);
    fprintf(out, "<path d=\"M%.0f %dV%.0fH%.0f\" fill=\"none\" stroke=\"#888\"/>\n", left, TOP, bottom, right);
    for (int x = 50; x <= 550; x += 100)
        fprintf(out, "<text x=\"%.0f\" y=\"%.0f\" text-anchor=\"middle\">%d</text>\n",
                left + (right - left) * (x - TTBAR_FROM) / (TTBAR_TO - TTBAR_FROM), bottom + 16, x);
    for (double sum = 0, step = tick_step(top / TTBAR_UNITS, 5); sum <= top / TTBAR_UNITS; sum += step)
        fprintf(out, "<text x=\"%.0f\" y=\"%.0f\" text-anchor=\"end\">%.10g</text>\n", left - 6,
                bottom - (bottom - TOP) * sum * TTBAR_UNITS / top + 4, sum);
    fprintf(out, "<text x=\"%.0f\" y=\"%.0f\" text-anchor=\"end\">%s</text>\n", right, bottom + 36, label);
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        steps(out, h->sum[region][lines[i].variation], top, left, lines[i].colour, lines[i].style);
        fprintf(out, "<text x=\"%.0f\" y=\"%d\" text-anchor=\"end\" fill=\"%s\">%s</text>\n", right, TOP + 14 + 16 * (int)i,
                lines[i].colour, ttbar_variations[lines[i].variation]);
    }
}

int ttbar_plot(const char *path, const ttbar_histograms *h)
{
    FILE *out = fopen(path, "w");
    if (!out)
        return -1;
    fprintf(out,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" font-family=\"sans-serif\" font-size=\"12\">\n"
            "<rect width=\"100%%\" height=\"100%%\" fill=\"white\"/>\n",
            2 * WIDTH, HEIGHT);
    panel(out, h, 0, "sum of selected jets' pt [GeV]");
    panel(out, h, 1, "mass of the trijet with the largest pt [GeV]");
    fprintf(out, "</svg>\n");
    int failed = ferror(out);
    return fclose(out) || failed ? -1 : 0;
}
