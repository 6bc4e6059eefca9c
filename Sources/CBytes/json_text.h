// Strings and numbers of JSON, checked by the letter of RFC 8259. Internal to this target.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace moondance {

/// Whether [begin, end) is a number by the grammar of JSON, of any size and precision.
bool is_number(const uint8_t *begin, const uint8_t *end);

/// Unescapes the inside of a string whose UTF-8 is known to be good, and writes it to `out` unless that is null. Gives
/// the bytes written, or -1 with the place and kind of the error.
struct Unescaped {
  ptrdiff_t length;
  const uint8_t *error;
  int status;
};
Unescaped unescape(const uint8_t *begin, const uint8_t *end, uint8_t *out);

/// Finds why the first pass over a document failed: bad UTF-8, a control character in a string, or an unclosed string.
/// Slow and simple, for the error message only.
int locate(const uint8_t *bytes, size_t length, size_t *offset);

}  // namespace moondance
