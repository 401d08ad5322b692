// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_CBROTLI_H
#define LARDER_CBROTLI_H
#include <brotli/decode.h>
#include <brotli/encode.h>
#include <setjmp.h>
#include <stdlib.h>
#include <sys/mman.h>

/* What follows it is aligned to 16 bytes. */
typedef struct CBrotli_Block {
    struct CBrotli_Block *previous, *next;
    size_t size; /* As it was asked for. */
    size_t room; /* As it was got, with this head. */
} CBrotli_Block;

enum { CBrotli_spareCount = 6, CBrotli_leastSpare = 128 << 10, CBrotli_mostSpare = 2 << 20 };

/* Large blocks that coders have given back: the next one finds its memory mapped already, which the kernel takes
   longer for than brotli for a short body. They change hands by exchange, so that no thread waits for another. */
typedef struct {
    CBrotli_Block *blocks[CBrotli_spareCount];
} CBrotli_Spare;

/* All memory of one coder, which goes as a whole at its end, and what it may still allocate. */
typedef struct {
    size_t remaining;
    /* What may be asked for when nothing remains, in steps, of whoever counts it. */
    size_t askable;
    int (*grant)(void *context, size_t size);
    void *context;
    CBrotli_Block *first;
    /* NULL for a coder that shares nothing with others: its blocks are mappings of their own, for threads that may
       be stopped for long, and must not be while they hold the allocator's lock. */
    CBrotli_Spare *spare;
    /* The encoder, as it is commonly built, does not look whether it was given memory: it is left for good
       instead, from within the allocation. */
    int leaves;
    jmp_buf exit;
} CBrotli_Memory;

static inline void *CBrotli_refuse(CBrotli_Memory *memory) {
    if (memory->leaves) longjmp(memory->exit, 1);
    return NULL;
}

enum { CBrotli_grantStep = 64 << 10 };

static inline int CBrotli_ask(CBrotli_Memory *memory, size_t size) {
    size_t missing = size - memory->remaining;
    if (missing > memory->askable) return 0;
    size_t step = missing + CBrotli_grantStep - 1 & ~(size_t)(CBrotli_grantStep - 1);
    if (step > memory->askable) step = memory->askable;
    if (!memory->grant(memory->context, step)) return 0;
    memory->askable -= step;
    memory->remaining += step;
    return 1;
}

static inline CBrotli_Block *CBrotli_takeSpare(CBrotli_Spare *spare, size_t room) {
    for (int i = 0; i < CBrotli_spareCount; i++) {
        CBrotli_Block *found = __atomic_exchange_n(&spare->blocks[i], NULL, __ATOMIC_ACQ_REL);
        if (found == NULL) continue;
        if (found->room >= room && found->room / 2 <= room) return found;
        CBrotli_Block *none = NULL;
        if (!__atomic_compare_exchange_n(&spare->blocks[i], &none, found, 0, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)) free(found);
    }
    return NULL;
}

static inline int CBrotli_keepSpare(CBrotli_Spare *spare, CBrotli_Block *block) {
    for (int i = 0; i < CBrotli_spareCount; i++) {
        CBrotli_Block *none = NULL;
        if (__atomic_compare_exchange_n(&spare->blocks[i], &none, block, 0, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)) return 1;
    }
    return 0;
}

static inline CBrotli_Block *CBrotli_obtain(CBrotli_Spare *spare, size_t room) {
    CBrotli_Block *block = NULL;
    if (spare == NULL) {
        void *mapping = mmap(NULL, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (mapping == MAP_FAILED) return NULL;
        block = (CBrotli_Block *)mapping;
    } else {
        if (room >= CBrotli_leastSpare) block = CBrotli_takeSpare(spare, room);
        if (block != NULL) return block;
        block = (CBrotli_Block *)malloc(room);
        if (block == NULL) return NULL;
    }
    block->room = room;
    return block;
}

static inline void CBrotli_giveBack(CBrotli_Spare *spare, CBrotli_Block *block) {
    if (spare == NULL) {
        munmap(block, block->room);
        return;
    }
    int isLarge = block->room >= CBrotli_leastSpare && block->room <= CBrotli_mostSpare;
    if (!isLarge || !CBrotli_keepSpare(spare, block)) free(block);
}

static inline void *CBrotli_allocate(void *opaque, size_t size) {
    CBrotli_Memory *memory = (CBrotli_Memory *)opaque;
    if (size > memory->remaining && !CBrotli_ask(memory, size)) return CBrotli_refuse(memory);
    CBrotli_Block *block = CBrotli_obtain(memory->spare, size + sizeof(CBrotli_Block));
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
    CBrotli_giveBack(memory->spare, block);
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
