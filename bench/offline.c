/* SPDX-License-Identifier: BSD-3-Clause */
/* offline.h */
#include "offline.h"

#include <stdlib.h>
#include <string.h>

/* ---- two strategies -------------------------------------------------------------------------------- */

/* Place of the next use of order[i] behind i, or n. */
static int64_t next_use(const offline_trace *t, int64_t item, int64_t i)
{
    while (++i < t->n && t->order[i] != item)
        ;
    return i;
}

static offline_score simulate(const offline_trace *t, int latest)
{
    offline_score score = {0};
    int64_t *used = calloc((size_t)t->n_items, sizeof *used); /* place of the last use, plus 1; 0: it is not there */
    uint64_t held = 0;
    for (int64_t i = 0; used && i < t->n; i++) {
        int64_t item = t->order[i];
        if (used[item]) {
            score.hits++;
            score.worth += t->worth[item];
        }
        while (!used[item] && held + t->size[item] > t->room) {
            int64_t out = -1, best = -1;
            for (int64_t k = 0; k < t->n_items; k++) {
                int64_t rank = !used[k] ? -1 : latest ? next_use(t, k, i) : t->n - used[k];
                if (rank > best) {
                    best = rank;
                    out = k;
                }
            }
            used[out] = 0;
            held -= t->size[out];
        }
        if (!used[item])
            held += t->size[item];
        used[item] = i + 1;
    }
    free(used);
    return score;
}

offline_score offline_lru(const offline_trace *t)
{
    return simulate(t, 0);
}

offline_score offline_latest(const offline_trace *t)
{
    return simulate(t, 1);
}

/* ---- the bound ------------------------------------------------------------------------------------------ */

/*
 * Keeping an item from one use to the next takes its size for that time and is worth a hit; parts of it are worth parts. That is
 * a flow of `room` bytes through time: each use is two nodes, before and after, joined by an edge, and so is each after with the
 * next before; an item that is kept flows from the after of its use to the before of its next, past all in between, and
 * earns worth / size for each byte. What is used takes its size of the room, so that as much has to go over its own edge:
 * that earns so much that no optimum leaves it. The cheapest flow is found path by path (Dijkstra, with potentials).
 */
typedef struct edge {
    int64_t to, twin; /* twin: the same edge backwards */
    int64_t left;     /* bytes that may still flow */
    int64_t cost;     /* of a byte */
    int64_t next;     /* of the edges from the same node, or -1 */
} edge;

typedef struct network {
    int64_t n, n_edges, n_heap;
    edge *edges;
    int64_t *first;     /* edges of each node */
    int64_t *potential; /* no edge with room left costs less than 0, these added */
    int64_t *distance, *by;
    struct entry {
        int64_t distance, node;
    } *heap;
} network;

#define FAR INT64_MAX
#define EARNED ((int64_t)1 << 42) /* by a hit of worth 1, divided by its bytes */
#define FORCED ((int64_t)1 << 46) /* by a byte of what has to be there: more than all hits together */

static void add_edge(network *w, int64_t from, int64_t to, int64_t bytes, int64_t cost)
{
    int64_t e = w->n_edges;
    w->edges[e] = (edge){to, e + 1, bytes, cost, w->first[from]};
    w->edges[e + 1] = (edge){from, e, 0, -cost, w->first[to]};
    w->first[from] = e;
    w->first[to] = e + 1;
    w->n_edges += 2;
}

static void heap_put(network *w, int64_t distance, int64_t node)
{
    int64_t i = w->n_heap++;
    for (; i > 0 && w->heap[(i - 1) / 2].distance > distance; i = (i - 1) / 2)
        w->heap[i] = w->heap[(i - 1) / 2];
    w->heap[i] = (struct entry){distance, node};
}

static struct entry heap_take(network *w)
{
    struct entry least = w->heap[0], last = w->heap[--w->n_heap];
    int64_t i = 0, k;
    while ((k = 2 * i + 1) < w->n_heap) {
        if (k + 1 < w->n_heap && w->heap[k + 1].distance < w->heap[k].distance)
            k++;
        if (w->heap[k].distance >= last.distance)
            break;
        w->heap[i] = w->heap[k];
        i = k;
    }
    w->heap[i] = last;
    return least;
}

/* Distances from node 0, and the edge by which each node is reached. */
static void find_paths(network *w)
{
    for (int64_t i = 0; i < w->n; i++)
        w->distance[i] = FAR;
    w->distance[0] = 0;
    w->n_heap = 0;
    heap_put(w, 0, 0);
    while (w->n_heap > 0) {
        struct entry at = heap_take(w);
        if (at.distance > w->distance[at.node])
            continue;
        for (int64_t e = w->first[at.node]; e >= 0; e = w->edges[e].next) {
            const edge *x = &w->edges[e];
            int64_t d = at.distance + x->cost + w->potential[at.node] - w->potential[x->to];
            if (x->left > 0 && d < w->distance[x->to]) {
                w->distance[x->to] = d;
                w->by[x->to] = e;
                heap_put(w, d, x->to);
            }
        }
    }
}

/* The first potentials: all edges lead forwards, to nodes of larger numbers. */
static void begin_potentials(network *w)
{
    for (int64_t i = 1; i < w->n; i++)
        w->potential[i] = FAR;
    w->potential[0] = 0;
    for (int64_t i = 0; i < w->n; i++)
        for (int64_t e = w->first[i]; e >= 0; e = w->edges[e].next)
            if (w->edges[e].left > 0 && w->potential[i] + w->edges[e].cost < w->potential[w->edges[e].to])
                w->potential[w->edges[e].to] = w->potential[i] + w->edges[e].cost;
}

/* Sends `bytes` from the first node to the last as cheaply as can be. */
static void send_bytes(network *w, int64_t bytes)
{
    begin_potentials(w);
    while (bytes > 0) {
        int64_t most = bytes;
        find_paths(w);
        for (int64_t i = 0; i < w->n; i++)
            if (w->distance[i] < FAR)
                w->potential[i] += w->distance[i];
        for (int64_t i = w->n - 1; i > 0; i = w->edges[w->edges[w->by[i]].twin].to)
            if (w->edges[w->by[i]].left < most)
                most = w->edges[w->by[i]].left;
        for (int64_t i = w->n - 1; i > 0; i = w->edges[w->edges[w->by[i]].twin].to) {
            w->edges[w->by[i]].left -= most;
            w->edges[w->edges[w->by[i]].twin].left += most;
        }
        bytes -= most;
    }
}

double offline_bound(const offline_trace *t)
{
    size_t nodes = 2 * (size_t)t->n + 1, most = 8 * (size_t)t->n + 8;
    int64_t *kept = malloc((size_t)(t->n + 1) * sizeof *kept); /* the edge by which a use's item is kept, or -1 */
    network w = {.n = (int64_t)nodes - 1};
    double worth = -1;
    w.edges = malloc(most * sizeof *w.edges);
    w.first = malloc(nodes * sizeof *w.first);
    w.potential = malloc(nodes * sizeof *w.potential);
    w.distance = malloc(nodes * sizeof *w.distance);
    w.by = malloc(nodes * sizeof *w.by);
    w.heap = malloc(most * sizeof *w.heap);
    if (!kept || !w.edges || !w.first || !w.potential || !w.distance || !w.by || !w.heap)
        goto done;
    memset(w.first, -1, nodes * sizeof *w.first);
    worth = 0;
    for (int64_t i = 0; i < t->n; i++) {
        int64_t item = t->order[i], next = next_use(t, item, i), size = (int64_t)t->size[item], room = (int64_t)t->room;
        int64_t own = t->passes_by ? 0 : size;
        if (own)
            add_edge(&w, 2 * i, 2 * i + 1, own, -FORCED);
        add_edge(&w, 2 * i, 2 * i + 1, room - own, 0);
        if (i + 1 < t->n)
            add_edge(&w, 2 * i + 1, 2 * i + 2, room, 0);
        kept[i] = next < t->n ? w.n_edges : -1;
        if (next < t->n)
            add_edge(&w, 2 * i + 1, 2 * next, size, -(int64_t)(t->worth[item] * (double)EARNED / (double)size));
    }
    if (t->n > 0)
        send_bytes(&w, (int64_t)t->room);
    for (int64_t i = 0; i < t->n; i++)
        if (kept[i] >= 0)
            worth += t->worth[t->order[i]] * (double)w.edges[kept[i] + 1].left / (double)t->size[t->order[i]];
done:
    free(kept);
    free(w.edges);
    free(w.first);
    free(w.potential);
    free(w.distance);
    free(w.by);
    free(w.heap);
    return worth;
}
