// SPDX-License-Identifier: Apache-2.0
#include "CLinux.h"

#include <malloc.h>

size_t CLinux_allocated_size(const void *block) { return malloc_usable_size((void *)block); }

int CLinux_set_allocator(int arenas, int mapping_threshold)
{
    return mallopt(M_ARENA_MAX, arenas) && mallopt(M_MMAP_THRESHOLD, mapping_threshold);
}

void CLinux_trim_allocator(void) { malloc_trim(0); }
