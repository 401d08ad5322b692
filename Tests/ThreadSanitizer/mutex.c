// SPDX-License-Identifier: Apache-2.0
// Preloaded into tests that run under the thread sanitizer. The sanitizer sees a Mutex that is free being locked,
// for that is inlined into our code, but not one that was waited for: that part is in the library of the
// toolchain, which is not instrumented, so that correctly locked memory would be reported. These stand before
// that part and tell the sanitizer what it does.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdbool.h>
#include <stdint.h>

#define SWIFT_METHOD __attribute__((swiftcall))
#define SELF __attribute__((swift_context))

extern void __tsan_acquire(void *address) __attribute__((weak));
extern void __tsan_release(void *address) __attribute__((weak));

typedef SWIFT_METHOD void (*lock_slow)(uint32_t thread, SELF void *self);
typedef SWIFT_METHOD bool (*try_lock_slow)(SELF void *self);
typedef SWIFT_METHOD void (*unlock_slow)(SELF void *self);

#define LOCK "$s15Synchronization12_MutexHandleV9_lockSlowyys6UInt32VF"
#define TRY_LOCK "$s15Synchronization12_MutexHandleV12_tryLockSlowSbyF"
#define UNLOCK "$s15Synchronization12_MutexHandleV11_unlockSlowyyF"

SWIFT_METHOD void lock(uint32_t thread, SELF void *self) __asm__(LOCK);
SWIFT_METHOD bool try_lock(SELF void *self) __asm__(TRY_LOCK);
SWIFT_METHOD void unlock(SELF void *self) __asm__(UNLOCK);

SWIFT_METHOD void lock(uint32_t thread, SELF void *self) {
    ((lock_slow)dlsym(RTLD_NEXT, LOCK))(thread, self);
    if (__tsan_acquire) __tsan_acquire(self);
}

SWIFT_METHOD bool try_lock(SELF void *self) {
    bool locked = ((try_lock_slow)dlsym(RTLD_NEXT, TRY_LOCK))(self);
    if (locked && __tsan_acquire) __tsan_acquire(self);
    return locked;
}

SWIFT_METHOD void unlock(SELF void *self) {
    if (__tsan_release) __tsan_release(self);
    ((unlock_slow)dlsym(RTLD_NEXT, UNLOCK))(self);
}
