#include "json_text.h"

#include <string.h>

#include "CBytes.h"

namespace moondance {

static inline bool is_digit(uint8_t byte) { return byte >= '0' && byte <= '9'; }

bool is_number(const uint8_t *at, const uint8_t *end) {
  if (at < end && *at == '-') at++;
  if (at == end || !is_digit(*at)) return false;
  if (*at == '0') {
    at++;
  } else {
    while (at < end && is_digit(*at)) at++;
  }
  if (at < end && *at == '.') {
    at++;
    if (at == end || !is_digit(*at)) return false;
    while (at < end && is_digit(*at)) at++;
  }
  if (at < end && (*at == 'e' || *at == 'E')) {
    at++;
    if (at < end && (*at == '+' || *at == '-')) at++;
    if (at == end || !is_digit(*at)) return false;
    while (at < end && is_digit(*at)) at++;
  }
  return at == end;
}

/// The value of four hexadecimal digits, or -1.
static int hex4(const uint8_t *at, const uint8_t *end) {
  if (end - at < 4) return -1;
  int value = 0;
  for (int i = 0; i < 4; i++) {
    uint8_t byte = at[i];
    int digit;
    if (is_digit(byte)) digit = byte - '0';
    else if (byte >= 'a' && byte <= 'f') digit = byte - 'a' + 10;
    else if (byte >= 'A' && byte <= 'F') digit = byte - 'A' + 10;
    else return -1;
    value = value << 4 | digit;
  }
  return value;
}

static uint8_t *put_utf8(uint8_t *out, uint32_t scalar) {
  if (scalar < 0x80) {
    *out++ = (uint8_t)scalar;
  } else if (scalar < 0x800) {
    *out++ = (uint8_t)(0xC0 | scalar >> 6);
    *out++ = (uint8_t)(0x80 | (scalar & 0x3F));
  } else if (scalar < 0x10000) {
    *out++ = (uint8_t)(0xE0 | scalar >> 12);
    *out++ = (uint8_t)(0x80 | (scalar >> 6 & 0x3F));
    *out++ = (uint8_t)(0x80 | (scalar & 0x3F));
  } else {
    *out++ = (uint8_t)(0xF0 | scalar >> 18);
    *out++ = (uint8_t)(0x80 | (scalar >> 12 & 0x3F));
    *out++ = (uint8_t)(0x80 | (scalar >> 6 & 0x3F));
    *out++ = (uint8_t)(0x80 | (scalar & 0x3F));
  }
  return out;
}

static uint8_t simple_escape(uint8_t letter) {
  switch (letter) {
    case '"': case '\\': case '/': return letter;
    case 'b': return '\b';
    case 'f': return '\f';
    case 'n': return '\n';
    case 'r': return '\r';
    case 't': return '\t';
    default: return 0;
  }
}

Unescaped unescape(const uint8_t *begin, const uint8_t *end, uint8_t *out) {
  uint8_t *start = out;
  const uint8_t *at = begin;
  while (at < end) {
    const uint8_t *escape = (const uint8_t *)memchr(at, '\\', (size_t)(end - at));
    size_t plain = (size_t)((escape ? escape : end) - at);
    if (out) {
      memcpy(out, at, plain);
      out += plain;
    }
    if (!escape) break;
    at = escape + 1;
    if (at == end) return {-1, escape, md_scan_bad_escape};
    if (*at != 'u') {
      uint8_t byte = simple_escape(*at);
      if (!byte) return {-1, escape, md_scan_bad_escape};
      if (out) *out++ = byte;
      at++;
      continue;
    }
    int unit = hex4(at + 1, end);
    if (unit < 0) return {-1, escape, md_scan_bad_escape};
    at += 5;
    uint32_t scalar = (uint32_t)unit;
    if (scalar >= 0xD800 && scalar < 0xE000) {
      bool followed = scalar < 0xDC00 && end - at >= 6 && at[0] == '\\' && at[1] == 'u';
      int low = followed ? hex4(at + 2, end) : -1;
      if (low < 0xDC00 || low > 0xDFFF) return {-1, escape, md_scan_lone_surrogate};
      scalar = 0x10000 + ((scalar - 0xD800) << 10) + ((uint32_t)low - 0xDC00);
      at += 6;
    }
    if (out) out = put_utf8(out, scalar);
  }
  return {out - start, nullptr, md_scan_ok};
}

/// How long the UTF-8 sequence at `at` is; 0 when it is not one.
static size_t sequence_length(const uint8_t *at, size_t left) {
  uint8_t lead = at[0];
  if (lead < 0x80) return 1;
  size_t length = lead < 0xC2 ? 0 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : lead < 0xF5 ? 4 : 0;
  if (length == 0 || left < length) return 0;
  for (size_t i = 1; i < length; i++) {
    if ((at[i] & 0xC0) != 0x80) return 0;
  }
  if (lead == 0xE0 && at[1] < 0xA0) return 0;
  if (lead == 0xED && at[1] > 0x9F) return 0;
  if (lead == 0xF0 && at[1] < 0x90) return 0;
  if (lead == 0xF4 && at[1] > 0x8F) return 0;
  return length;
}

int locate(const uint8_t *bytes, size_t length, size_t *offset) {
  bool in_string = false;
  size_t opened = 0;
  for (size_t at = 0; at < length;) {
    size_t step = sequence_length(bytes + at, length - at);
    *offset = at;
    if (step == 0) return md_scan_invalid_utf8;
    if (in_string) {
      if (bytes[at] < 0x20) return md_scan_control_character;
      if (bytes[at] == '\\' && at + 1 < length && bytes[at + 1] < 0x80 && bytes[at + 1] >= 0x20) step = 2;
      else if (bytes[at] == '"') in_string = false;
    } else if (bytes[at] == '"') {
      in_string = true;
      opened = at;
    }
    at += step;
  }
  *offset = opened;
  return md_scan_unclosed_string;
}

}  // namespace moondance

size_t md_unescape(const uint8_t *bytes, size_t length, uint8_t *out) {
  moondance::Unescaped result = moondance::unescape(bytes, bytes + length, out);
  return result.length < 0 ? 0 : (size_t)result.length;
}
