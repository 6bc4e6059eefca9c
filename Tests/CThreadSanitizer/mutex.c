// ThreadSanitizer and the `Mutex` of the Swift library.
//
// A mutex that nobody waits for is locked and unlocked by atomic operations that the compiler puts into our code, where
// ThreadSanitizer sees them. With waiters the library asks the kernel, which writes the lock word itself (a PI futex), and
// the library is not instrumented: everything under a contended lock would look like a race. These functions stand
// before the library's own, call them, and say what they have ordered. Without the sanitizer the file is empty.
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)

#define _GNU_SOURCE
#include <dlfcn.h>
#include <sanitizer/tsan_interface.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#define SWIFT __attribute__((swiftcall))
#define SELF __attribute__((swift_context))

// `_MutexHandle._lockSlow(_: UInt32)`, `._unlockSlow()` and `._tryLockSlow() -> Bool`.
#define LOCK_SLOW "$s15Synchronization12_MutexHandleV9_lockSlowyys6UInt32VF"
#define UNLOCK_SLOW "$s15Synchronization12_MutexHandleV11_unlockSlowyyF"
#define TRY_LOCK_SLOW "$s15Synchronization12_MutexHandleV12_tryLockSlowSbyF"

SWIFT void md_lock_slow(uint32_t thread, SELF void *mutex) __asm__(LOCK_SLOW);
SWIFT void md_unlock_slow(SELF void *mutex) __asm__(UNLOCK_SLOW);
SWIFT bool md_try_lock_slow(SELF void *mutex) __asm__(TRY_LOCK_SLOW);

static SWIFT void (*lock_slow)(uint32_t thread, SELF void *mutex);
static SWIFT void (*unlock_slow)(SELF void *mutex);
static SWIFT bool (*try_lock_slow)(SELF void *mutex);

static void *library(const char *name) {
  void *found = dlsym(RTLD_NEXT, name);
  if (!found) abort();  // another version of the Swift library: look at what its `Mutex` calls now
  return found;
}

// Before there are threads.
__attribute__((constructor)) static void find(void) {
  lock_slow = (SWIFT void (*)(uint32_t, SELF void *))library(LOCK_SLOW);
  unlock_slow = (SWIFT void (*)(SELF void *))library(UNLOCK_SLOW);
  try_lock_slow = (SWIFT bool (*)(SELF void *))library(TRY_LOCK_SLOW);
}

SWIFT void md_lock_slow(uint32_t thread, SELF void *mutex) {
  lock_slow(thread, mutex);
  __tsan_acquire(mutex);
}

SWIFT void md_unlock_slow(SELF void *mutex) {
  __tsan_release(mutex);
  unlock_slow(mutex);
}

SWIFT bool md_try_lock_slow(SELF void *mutex) {
  bool locked = try_lock_slow(mutex);
  if (locked) __tsan_acquire(mutex);
  return locked;
}

#endif
#endif
