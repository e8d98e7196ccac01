/* SPDX-License-Identifier: BSD-3-Clause */
/* leptons.c: electrons and muons: pt > 30, |eta| < 2.1, sip3d < 4, and each kind's identification. Compared in float. */
#include "ttbar.h"

#include <math.h>

void count_electrons(results *r, vcol_error *err)
{
    vcol_chunk *chunk = r->chunk;
    int64_t entries = vcol_chunk_entries(chunk);
    const int64_t *first = vcol_chunk_offsets(chunk, "Electron_pt", err);
    const float *pt = vcol_chunk_f32(chunk, "Electron_pt", err);
    const float *eta = vcol_chunk_f32(chunk, "Electron_eta", err);
    const uint8_t *cut = vcol_chunk_u8(chunk, "Electron_cutBased", err);
    const float *sip3d = vcol_chunk_f32(chunk, "Electron_sip3d", err);
    uint8_t *out = results_new(r, ELECTRONS, entries, err);
    vcol_chunk_i32(chunk, "nElectron", err); /* read, as in the original, and not used */
    vcol_chunk_f32(chunk, "Electron_phi", err);
    vcol_chunk_f32(chunk, "Electron_mass", err);
    for (int64_t i = 0; !err->status && i < entries; i++) {
        int n = 0;
        for (int64_t k = first[i]; k < first[i + 1]; k++)
            n += pt[k] > 30.0f && fabsf(eta[k]) < 2.1f && cut[k] == 4 && sip3d[k] < 4.0f;
        out[i] = (uint8_t)(n < 2 ? n : 2);
    }
    results_done(r, ELECTRONS, err);
}

void count_muons(results *r, vcol_error *err)
{
    vcol_chunk *chunk = r->chunk;
    int64_t entries = vcol_chunk_entries(chunk);
    const uint8_t *electrons = results_get(r, ELECTRONS, err);
    const int64_t *first = vcol_chunk_offsets(chunk, "Muon_pt", err);
    const float *pt = vcol_chunk_f32(chunk, "Muon_pt", err);
    const float *eta = vcol_chunk_f32(chunk, "Muon_eta", err);
    const uint8_t *tight = vcol_chunk_bool(chunk, "Muon_tightId", err);
    const float *sip3d = vcol_chunk_f32(chunk, "Muon_sip3d", err);
    const float *isolation = vcol_chunk_f32(chunk, "Muon_pfRelIso04_all", err);
    uint8_t *out = results_new(r, LEPTONS, entries, err);
    vcol_chunk_i32(chunk, "nMuon", err);
    vcol_chunk_f32(chunk, "Muon_phi", err);
    vcol_chunk_f32(chunk, "Muon_mass", err);
    for (int64_t i = 0; !err->status && i < entries; i++) {
        int n = electrons[i];
        for (int64_t k = first[i]; k < first[i + 1]; k++)
            n += pt[k] > 30.0f && fabsf(eta[k]) < 2.1f && tight[k] && sip3d[k] < 4.0f && isolation[k] < 0.15f;
        out[i] = (uint8_t)(n < 2 ? n : 2);
    }
    results_done(r, LEPTONS, err);
}
