#pragma once
// Hot loops are compiled for the baseline and for newer x86-64 processors; glibc's loader picks one.
// Sanitizers, other processors and other C libraries get the baseline only.
#include <cstddef>  // defines __GLIBC__

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define MOS_SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define MOS_SANITIZED 1
#endif

#if defined(__x86_64__) && defined(__GLIBC__) && defined(__GNUC__) && !defined(__clang__) && !defined(MOS_SANITIZED)
#define MOS_VECTORISED __attribute__((target_clones("default", "arch=x86-64-v3", "arch=x86-64-v4")))
#else
#define MOS_VECTORISED
#endif

namespace mos {
// Sixteen floats, whatever the registers are.
typedef float Row __attribute__((vector_size(64)));
}  // namespace mos

// What a vectorised function calls must become part of each of its clones.
#define MOS_INLINE inline __attribute__((always_inline))
