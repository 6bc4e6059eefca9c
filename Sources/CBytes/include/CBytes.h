// Byte-level primitives that Swift cannot express well: checksum, stable hash, content hash, scanning JSON.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "json_find.h"
#include "json_scan.h"

#ifdef __cplusplus
extern "C" {
#endif

/// CRC-32C (Castagnoli, as in RFC 3720) of `length` bytes, continuing from `seed` (0 for a fresh checksum).
uint32_t md_crc32c(uint32_t seed, const void *_Nullable bytes, size_t length);

/// XXH3-64 with a seed: stable over versions and machines, so it may be stored in files.
uint64_t md_hash64(const void *_Nullable bytes, size_t length, uint64_t seed);

/// SHA-256 of `length` bytes into `out` (32 bytes).
void md_sha256(const void *_Nullable bytes, size_t length, uint8_t *_Nonnull out);

/// HMAC-SHA-256 (RFC 2104) of `length` bytes with a key, into `out` (32 bytes).
void md_hmac_sha256(
    const void *_Nullable key, size_t key_length, const void *_Nullable bytes, size_t length, uint8_t *_Nonnull out);

/// HMAC with SHA-1, SHA-256 or SHA-512 (`bits` is 160, 256 or 512) into `out`, which has room for 64 bytes. Returns how
/// many it wrote; 0 for other bits.
size_t md_hmac(
    int bits, const void *_Nullable key, size_t key_length, const void *_Nullable bytes, size_t length,
    uint8_t *_Nonnull out);

/// Whether `length` bytes are the same; takes its time whatever they are.
int md_same_bytes(const void *_Nonnull left, const void *_Nonnull right, size_t length);

#ifdef __cplusplus
}
#endif
