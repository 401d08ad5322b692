// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_CBROTLI_H
#define LARDER_CBROTLI_H
#include <brotli/decode.h>
#include <brotli/encode.h>
#include <setjmp.h>
#include <stdlib.h>

typedef struct CBrotli_Block {
    struct CBrotli_Block *previous, *next;
    size_t size;
    size_t unused; /* What follows is aligned to 16 bytes. */
} CBrotli_Block;

/* All memory of one coder, which goes as a whole at its end, and what it may still allocate. */
typedef struct {
    size_t remaining;
    CBrotli_Block *first;
    /* The encoder, as it is commonly built, does not look whether it was given memory: it is left for good
       instead, from within the allocation. */
    int leaves;
    jmp_buf exit;
} CBrotli_Memory;

static inline void *CBrotli_refuse(CBrotli_Memory *memory) {
    if (memory->leaves) longjmp(memory->exit, 1);
    return NULL;
}

static inline void *CBrotli_allocate(void *opaque, size_t size) {
    CBrotli_Memory *memory = (CBrotli_Memory *)opaque;
    if (size > memory->remaining) return CBrotli_refuse(memory);
    CBrotli_Block *block = (CBrotli_Block *)malloc(size + sizeof(CBrotli_Block));
    if (block == NULL) return CBrotli_refuse(memory);
    block->previous = NULL;
    block->next = memory->first;
    block->size = size;
    if (memory->first != NULL) memory->first->previous = block;
    memory->first = block;
    memory->remaining -= size;
    return block + 1;
}

static inline void CBrotli_free(void *opaque, void *address) {
    CBrotli_Memory *memory = (CBrotli_Memory *)opaque;
    if (address == NULL) return;
    CBrotli_Block *block = (CBrotli_Block *)address - 1;
    if (block->previous != NULL) block->previous->next = block->next;
    else memory->first = block->next;
    if (block->next != NULL) block->next->previous = block->previous;
    memory->remaining += block->size;
    free(block);
}

static inline void CBrotli_freeAll(CBrotli_Memory *memory) {
    while (memory->first != NULL) CBrotli_free(memory, memory->first + 1);
}

/* NULL when the memory was refused. */
static inline BrotliEncoderState *CBrotli_makeEncoder(CBrotli_Memory *memory) {
    memory->leaves = 0;
    return BrotliEncoderCreateInstance(CBrotli_allocate, CBrotli_free, memory);
}

/* BrotliEncoderCompressStream without room for output; 0 when memory was refused, after which the encoder must
   not be touched any more. */
static inline int CBrotli_encode(CBrotli_Memory *memory, BrotliEncoderState *state, BrotliEncoderOperation operation,
                                 size_t *inputLeft, const uint8_t **next) {
    size_t room = 0;
    int isDone = 0;
    memory->leaves = 1;
    if (setjmp(memory->exit) == 0) isDone = BrotliEncoderCompressStream(state, operation, inputLeft, next, &room, NULL, NULL);
    memory->leaves = 0;
    return isDone;
}

static inline BrotliDecoderState *CBrotli_makeDecoder(CBrotli_Memory *memory) {
    memory->leaves = 0;
    return BrotliDecoderCreateInstance(CBrotli_allocate, CBrotli_free, memory);
}

#endif
