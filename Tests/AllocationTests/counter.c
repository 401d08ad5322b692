// SPDX-License-Identifier: Apache-2.0
// Preloaded into Larder: counts what it allocates and frees in a file that the test maps too (LARDER_COUNTERS).
// While `tracing` is set there, the call site of each allocation goes to the standard error.
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);
extern void __libc_free(void *);

struct counters {
    _Atomic uint64_t allocations, frees, bytes, tracing;
};

static struct counters unshared;
static struct counters *counters = &unshared;
static _Thread_local int inside;

__attribute__((constructor)) static void share(void) {
    const char *path = getenv("LARDER_COUNTERS");
    int file = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    if (file < 0) return;
    void *shared = mmap(NULL, sizeof *counters, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    // The first call loads the unwinder, which allocates.
    void *frame[1];
    backtrace(frame, 1);
    if (shared != MAP_FAILED) counters = shared;
}

static void show_call_site(void) {
    void *frames[24];
    inside = 1;
    int count = backtrace(frames, 24);
    if (count > 2) backtrace_symbols_fd(frames + 2, count - 2, STDERR_FILENO);
    if (write(STDERR_FILENO, "allocated\n", 10) < 0) abort();
    inside = 0;
}

static void count(size_t size) {
    if (inside) return;
    atomic_fetch_add_explicit(&counters->allocations, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&counters->bytes, size, memory_order_relaxed);
    if (atomic_load_explicit(&counters->tracing, memory_order_relaxed)) show_call_site();
}

void *malloc(size_t size) {
    count(size);
    return __libc_malloc(size);
}

void *calloc(size_t number, size_t size) {
    count(number * size);
    return __libc_calloc(number, size);
}

// Counts as one more allocation and, when there was something before, as one more free.
void *realloc(void *old, size_t size) {
    count(size);
    if (old) atomic_fetch_add_explicit(&counters->frees, 1, memory_order_relaxed);
    return __libc_realloc(old, size);
}

void *memalign(size_t alignment, size_t size) {
    count(size);
    return __libc_memalign(alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size) { return memalign(alignment, size); }

int posix_memalign(void **result, size_t alignment, size_t size) {
    void *memory = memalign(alignment, size);
    if (!memory) return ENOMEM;
    *result = memory;
    return 0;
}

void free(void *memory) {
    if (memory && !inside) atomic_fetch_add_explicit(&counters->frees, 1, memory_order_relaxed);
    __libc_free(memory);
}
