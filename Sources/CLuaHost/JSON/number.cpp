// Numbers from text and to text, exactly.
#include "../host.h"

#include <charconv>
#include <cmath>
#include <cstdlib>
#include <cstring>

namespace {

bool is_space(char byte) { return byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r'; }

const char *digits(const char *at, const char *end) {
  while (at < end && *at >= '0' && *at <= '9') at++;
  return at;
}

// Where a number of JSON's grammar ends that begins at `at`, or null. `integer` says whether it has neither fraction
// nor exponent.
const char *number_end(const char *at, const char *end, bool &integer) {
  integer = true;
  if (at < end && *at == '-') at++;
  const char *whole = at;
  at = digits(at, end);
  if (at == whole || (*whole == '0' && at - whole > 1)) return nullptr;
  if (at < end && *at == '.') {
    integer = false;
    const char *fraction = ++at;
    at = digits(at, end);
    if (at == fraction) return nullptr;
  }
  if (at < end && (*at == 'e' || *at == 'E')) {
    integer = false;
    if (++at < end && (*at == '+' || *at == '-')) at++;
    const char *exponent = at;
    at = digits(at, end);
    if (at == exponent) return nullptr;
  }
  return at;
}

}  // namespace

extern "C" bool md_push_number(lua_State *L, const char *text, size_t length) {
  const char *end = text + length;
  while (text < end && is_space(*text)) text++;
  while (end > text && is_space(end[-1])) end--;
  bool integer;
  if (number_end(text, end, integer) != end) return false;
  int64_t whole;
  if (integer && std::from_chars(text, end, whole).ec == std::errc()) {
    lua_pushinteger(L, whole);
    return true;
  }
  double number = 0;
  if (std::from_chars(text, end, number).ec != std::errc()) number = strtod(text, nullptr);  // too large or too small
  if (std::isinf(number)) return false;
  lua_pushnumber(L, number);
  return true;
}

extern "C" size_t md_format_integer(int64_t number, char *out) {
  return static_cast<size_t>(std::to_chars(out, out + 24, number).ptr - out);
}

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
