#include "CBytes.h"

#define XXH_INLINE_ALL
#include <isa-l/crc.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>
#include <xxhash.h>

uint32_t md_crc32c(uint32_t seed, const void *bytes, size_t length) {
  // ISA-L takes an int length and a non-const pointer, and leaves the two inversions to the caller.
  unsigned char *at = (unsigned char *)bytes;
  uint32_t crc = ~seed;
  while (length > 0) {
    int step = length > (1u << 30) ? (1 << 30) : (int)length;
    crc = crc32_iscsi(at, step, crc);
    at += step;
    length -= (size_t)step;
  }
  return ~crc;
}

uint64_t md_hash64(const void *bytes, size_t length, uint64_t seed) {
  return XXH3_64bits_withSeed(bytes, length, seed);
}

void md_sha256(const void *bytes, size_t length, uint8_t *out) {
  SHA256((const unsigned char *)bytes, length, out);
}

void md_hmac_sha256(
    const void *key, size_t key_length, const void *bytes, size_t length, uint8_t *out) {
  unsigned int written = 32;
  // A NULL key would mean "the one of the last call".
  HMAC(EVP_sha256(), key ? key : "", (int)key_length, (const unsigned char *)bytes, length, out, &written);
}

size_t md_hmac(
    int bits, const void *key, size_t key_length, const void *bytes, size_t length, uint8_t *out) {
  const EVP_MD *hash = bits == 160 ? EVP_sha1() : bits == 256 ? EVP_sha256() : bits == 512 ? EVP_sha512() : NULL;
  if (hash == NULL) return 0;
  unsigned int written = 64;
  HMAC(hash, key ? key : "", (int)key_length, (const unsigned char *)bytes, length, out, &written);
  return written;
}

int md_same_bytes(const void *left, const void *right, size_t length) {
  return CRYPTO_memcmp(left, right, length) == 0;
}
