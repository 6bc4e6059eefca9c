#include "CBytes.h"

static const uint8_t letters[64] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void md_base64_encode(const uint8_t *bytes, size_t length, uint8_t *out) {
  size_t whole = length / 3 * 3;
  for (size_t i = 0; i < whole; i += 3) {
    uint32_t group = (uint32_t)bytes[i] << 16 | (uint32_t)bytes[i + 1] << 8 | bytes[i + 2];
    *out++ = letters[group >> 18];
    *out++ = letters[group >> 12 & 63];
    *out++ = letters[group >> 6 & 63];
    *out++ = letters[group & 63];
  }
  if (whole == length) return;
  uint32_t group = (uint32_t)bytes[whole] << 16 | (whole + 1 < length ? (uint32_t)bytes[whole + 1] << 8 : 0);
  *out++ = letters[group >> 18];
  *out++ = letters[group >> 12 & 63];
  *out++ = whole + 1 < length ? letters[group >> 6 & 63] : '=';
  *out++ = '=';
}

/// The six bits a letter stands for, or -1.
static int bits(uint8_t letter) {
  if (letter >= 'A' && letter <= 'Z') return letter - 'A';
  if (letter >= 'a' && letter <= 'z') return letter - 'a' + 26;
  if (letter >= '0' && letter <= '9') return letter - '0' + 52;
  if (letter == '+') return 62;
  if (letter == '/') return 63;
  return -1;
}

ptrdiff_t md_base64_decode(const uint8_t *text, size_t length, uint8_t *out) {
  if (length % 4 != 0) return -1;
  uint8_t *start = out;
  for (size_t i = 0; i < length; i += 4) {
    size_t padding = 0;
    if (i + 4 == length) padding = text[i + 3] != '=' ? 0 : text[i + 2] != '=' ? 1 : 2;
    int32_t group = 0;
    for (size_t j = 0; j < 4; j++) {
      int value = j < 4 - padding ? bits(text[i + j]) : 0;
      if (value < 0) return -1;
      group = group << 6 | value;
    }
    if (padding == 1 && (group & 0xFF) != 0) return -1;
    if (padding == 2 && (group & 0xFFFF) != 0) return -1;
    *out++ = (uint8_t)(group >> 16);
    if (padding < 2) *out++ = (uint8_t)(group >> 8);
    if (padding < 1) *out++ = (uint8_t)group;
  }
  return out - start;
}
