/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vcol/scope.h: for those who like block forms. The only public macros; each is two calls to functions
 * of vcol/prefetch.h. Not included by vcol.h.
 *
 *     {
 *         VCOL_PREFETCH_SCOPE(chunk, "Jet_* MET_pt");
 *         ...                       the scope ends at the end of the block, on every way out
 *     }
 */
#ifndef VCOL_SCOPE_H
#define VCOL_SCOPE_H

#include <vcol/prefetch.h>

#define VCOL_SCOPE_CAT2(a, b) a##b
#define VCOL_SCOPE_CAT(a, b) VCOL_SCOPE_CAT2(a, b)

#ifdef __cplusplus
namespace vcol {
/* Begins a prefetch scope and ends it when it goes out of scope. Inert after a failure. */
class prefetch_scope {
  public:
    prefetch_scope(vcol_chunk *chunk, const char *columns) : scope_(nullptr)
    {
        if (vcol_prefetch_begin(chunk, columns, nullptr, &scope_, nullptr) != VCOL_OK)
            scope_ = nullptr;
    }
    ~prefetch_scope() { vcol_prefetch_end(scope_); }
    prefetch_scope(const prefetch_scope &) = delete;
    prefetch_scope &operator=(const prefetch_scope &) = delete;

  private:
    vcol_prefetch *scope_;
};
} // namespace vcol
#define VCOL_PREFETCH_SCOPE(chunk, columns)                                                            \
    ::vcol::prefetch_scope VCOL_SCOPE_CAT(vcol_scope_, __LINE__)((chunk), (columns))
#else
static inline vcol_prefetch *vcol_scope_begin(vcol_chunk *chunk, const char *columns)
{
    vcol_prefetch *scope = NULL;
    return vcol_prefetch_begin(chunk, columns, NULL, &scope, NULL) == VCOL_OK ? scope : NULL;
}
static inline void vcol_scope_end(vcol_prefetch **scope)
{
    vcol_prefetch_end(*scope);
}
#define VCOL_PREFETCH_SCOPE(chunk, columns)                                                            \
    __attribute__((cleanup(vcol_scope_end), unused)) vcol_prefetch *VCOL_SCOPE_CAT(                    \
        vcol_scope_, __LINE__) = vcol_scope_begin((chunk), (columns))
#endif

#endif
