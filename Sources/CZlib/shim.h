// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_CZLIB_H
#define LARDER_CZLIB_H
#include <stdlib.h>
#include <zlib.h>

/* What one coder may still allocate; nothing it frees comes back, as zlib takes all its memory at the start. */
typedef struct {
    size_t remaining;
} CZlib_Budget;

static inline voidpf CZlib_allocate(voidpf budget, uInt count, uInt size) {
    CZlib_Budget *left = (CZlib_Budget *)budget;
    size_t bytes = (size_t)count * size;
    if (bytes > left->remaining) return Z_NULL;
    left->remaining -= bytes;
    return malloc(bytes);
}

static inline void CZlib_free(voidpf budget, voidpf memory) {
    (void)budget;
    free(memory);
}

static inline void CZlib_begin(z_stream *stream, CZlib_Budget *budget) {
    stream->zalloc = CZlib_allocate;
    stream->zfree = CZlib_free;
    stream->opaque = budget;
}

/* deflateInit2 and inflateInit2 are macros, which Swift cannot call. */
static inline int CZlib_deflateInit(z_stream *stream, int level, int windowBits, int memoryLevel) {
    return deflateInit2(stream, level, Z_DEFLATED, windowBits, memoryLevel, Z_DEFAULT_STRATEGY);
}

static inline int CZlib_inflateInit(z_stream *stream, int windowBits) { return inflateInit2(stream, windowBits); }

#endif
