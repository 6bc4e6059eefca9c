// Floats as text.
#include "../host.h"

#include <charconv>
#include <cstring>

extern "C" size_t md_format_double(double number, char *out) {
  auto result = std::to_chars(out, out + 30, number);
  size_t length = static_cast<size_t>(result.ptr - out);
  // A float stays a float when it is read back.
  if (!memchr(out, '.', length) && !memchr(out, 'e', length)) {
    out[length++] = '.';
    out[length++] = '0';
  }
  return length;
}
