/* SPDX-License-Identifier: BSD-3-Clause */
/* Opening an RNTuple: anchor, header, footer, page lists; then fields, pages and schema of what these say. */
#include "ntuple.h"

static vcol_status prefixed(const object_entry *entry, const char *part, vcol_status status, const vcol_error *why,
                            vcol_error *err)
{
    return vcol_error_format(err, status, "ntuple '%.120s': its %s %.330s", entry->name, part, why->message);
}

static vcol_status read_lists(root_ntuple *nt, const nt_link *links, uint32_t n_links, arena *temporary, vcol_worker *worker,
                              vcol_error *err)
{
    uint64_t most = 0;
    int64_t n = 0;
    nt_cluster *clusters;
    for (uint32_t i = 0; i < n_links; i++)
        most += links[i].clusters;
    /* a cluster takes 24 bytes of its page list, and metadata is not longer than that */
    if (most > NT_MAX_METADATA / 24)
        return vcol_error_format(err, VCOL_CORRUPT, "has %llu clusters", (unsigned long long)most);
    for (uint32_t i = 0; i < n_links; i++)
        if (links[i].clusters > links[i].size / 24)
            return vcol_error_format(err, VCOL_CORRUPT, "has %u clusters in %llu bytes", links[i].clusters,
                                     (unsigned long long)links[i].size);
    clusters = vcol__arena_new(temporary, most, sizeof *clusters);
    if (!clusters)
        return vcol_error_format(err, VCOL_NOMEM, "has no memory for %llu clusters", (unsigned long long)most);
    for (uint32_t i = 0; i < n_links; i++) {
        cursor inside;
        uint64_t checksum;
        int64_t to = n + links[i].clusters;
        vcol_status status = vcol__envelope_read(nt, links[i].at, links[i].size, NT_PAGE_LIST, temporary, worker, &inside,
                                                 &checksum, err);
        if (!status)
            status = vcol__pages_clusters(inside, nt->header_checksum, clusters, &n, to, err);
        if (status)
            return status;
    }
    return vcol__pages_make(nt, clusters, n, err);
}

/* The file's clusters without those that have no entries, for loops. */
static vcol_status filled_clusters(root_ntuple *nt, vcol_error *err)
{
    int64_t n = 0, *borders;
    for (int64_t k = 0; k < nt->n_clusters; k++)
        n += nt->clusters[k + 1] > nt->clusters[k];
    if (n == nt->n_clusters)
        return VCOL_OK;
    borders = vcol__arena_new(&nt->memory, (uint64_t)n + 1, sizeof *borders);
    if (!borders)
        return vcol_error_format(err, VCOL_NOMEM, "has no memory for its clusters");
    n = 0;
    for (int64_t k = 0; k < nt->n_clusters; k++)
        if (nt->clusters[k + 1] > nt->clusters[k])
            borders[++n] = nt->clusters[k + 1];
    nt->schema.clusters = borders;
    nt->schema.n_clusters = n;
    return VCOL_OK;
}

vcol_status vcol__ntuple_open(root_file *file, const object_entry *entry, vcol_worker *worker, root_ntuple **out,
                              vcol_error *err)
{
    arena memory, temporary;
    root_ntuple *nt;
    root_record record = {0};
    nt_anchor anchor = {0};
    nt_link *links = NULL;
    uint32_t n_links = 0;
    uint64_t checksum = 0;
    cursor inside;
    vcol_error why = {0};
    const char *part = "anchor";
    vcol_status status;
    *out = NULL;
    vcol__arena_init(&memory, &file->memory.allocator);
    vcol__arena_init(&temporary, &file->memory.allocator);
    nt = vcol__arena_new(&memory, 1, sizeof *nt);
    if (!nt) {
        vcol__arena_free(&memory);
        return vcol_error_format(err, VCOL_NOMEM, "ntuple '%.120s': no memory to open it", entry->name);
    }
    nt->object.kind = OBJECT_NTUPLE;
    nt->file = file;
    nt->memory = memory;
    nt->name = entry->name;
    status = vcol__record_read(file, entry->seek, entry->nbytes, "anchor", worker, &temporary, &record, err);
    if (status)
        goto done;
    status = vcol__anchor_parse(record.data + record.key.keylen, record.size - record.key.keylen, &anchor, &why);
    if (status)
        goto done;
    nt->max_key = anchor.max_key;
    part = "header";
    status = vcol__envelope_read(nt, (nt_locator){anchor.seek_header, anchor.stored_header, 0}, anchor.size_header, NT_HEADER,
                                 &temporary, worker, &inside, &nt->header_checksum, &why);
    if (!status)
        status = vcol__describe_header(nt, inside, &why);
    if (status)
        goto done;
    part = "footer";
    status = vcol__envelope_read(nt, (nt_locator){anchor.seek_footer, anchor.stored_footer, 0}, anchor.size_footer, NT_FOOTER,
                                 &temporary, worker, &inside, &checksum, &why);
    if (!status)
        status = vcol__describe_footer(nt, inside, &temporary, &links, &n_links, &why);
    if (status)
        goto done;
    part = "schema";
    status = vcol__describe_finish(nt, &why);
    if (status)
        goto done;
    part = "page list";
    status = read_lists(nt, links, n_links, &temporary, worker, &why);
    if (status)
        goto done;
    part = "schema";
    status = vcol__names_make(nt, &why);
    if (!status)
        status = vcol__fields_schema(nt, &why);
    if (!status)
        status = filled_clusters(nt, &why);
    nt->schema.kind = "rntuple";
    nt->schema.metadata = file->memory.bytes + nt->memory.bytes;
done:
    vcol__arena_free(&temporary);
    if (status) {
        prefixed(entry, part, status, &why, err);
        vcol__ntuple_close(nt);
    } else {
        *out = nt;
    }
    return status;
}

void vcol__ntuple_close(root_ntuple *nt)
{
    arena memory;
    if (!nt)
        return;
    memory = nt->memory;
    vcol__arena_free(&memory);
}
