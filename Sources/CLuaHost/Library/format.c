// string.format: bounded widths, and text without addresses.
#include "../host.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { SPECIFIER_ROOM = 16, NUMBER_ROOM = 512 };

// Copies "%…c" into `specifier` with `modifier` before the conversion; returns what follows it.
static const char *read_specifier(
  lua_State *L, const char *at, const char *end, char specifier[SPECIFIER_ROOM], char *conversion) {
  const char *start = at;
  size_t flags = 0, digits = 0;
  while (at < end && *at && strchr("-+ #0", *at)) {
    at++;
    if (++flags > 5) luaL_error(L, "invalid format (repeated flags)");
  }
  while (at < end && *at >= '0' && *at <= '9') {
    at++;
    if (++digits > 2) luaL_error(L, "invalid conversion: a width has at most two digits");
  }
  if (at < end && *at == '.') {
    at++;
    digits = 0;
    while (at < end && *at >= '0' && *at <= '9') {
      at++;
      if (++digits > 2) luaL_error(L, "invalid conversion: a precision has at most two digits");
    }
  }
  if (at >= end) luaL_error(L, "invalid conversion '%%%s' to 'format'", start);
  *conversion = *at;
  size_t length = (size_t)(at - start);
  specifier[0] = '%';
  memcpy(specifier + 1, start, length);
  specifier[length + 1] = 0;
  return at + 1;
}

static void add_conversion(char specifier[SPECIFIER_ROOM], const char *ending) { strcat(specifier, ending); }

static void add_quoted_text(lua_State *L, const char *text, size_t length) {
  md_charge(L, md_host(L), (int64_t)(length >> 2));
  md_scratch_add(L, "\"", 1);
  for (size_t i = 0; i < length; i++) {
    unsigned char c = (unsigned char)text[i];
    if (c == '"' || c == '\\' || c == '\n') {
      char pair[2] = {'\\', (char)c};
      md_scratch_add(L, pair, 2);
    } else if (c < 32 || c == 127) {
      bool digit_follows = i + 1 < length && text[i + 1] >= '0' && text[i + 1] <= '9';
      char escape[8];
      int written = snprintf(escape, sizeof escape, digit_follows ? "\\%03d" : "\\%d", c);
      md_scratch_add(L, escape, (size_t)written);
    } else {
      md_scratch_add(L, text + i, 1);
    }
  }
  md_scratch_add(L, "\"", 1);
}

static void add_quoted(lua_State *L, int argument) {
  char out[64];
  switch (lua_type(L, argument)) {
    case LUA_TSTRING: {
      size_t length;
      const char *text = lua_tolstring(L, argument, &length);
      add_quoted_text(L, text, length);
      return;
    }
    case LUA_TNUMBER:
      if (lua_isinteger(L, argument)) {
        lua_Integer number = lua_tointeger(L, argument);
        bool lowest = number == LUA_MININTEGER;
        snprintf(out, sizeof out, lowest ? "0x%llx" : "%lld", (long long)number);
      } else {
        double number = lua_tonumber(L, argument);
        if (isnan(number)) strcpy(out, "(0/0)");
        else if (isinf(number)) strcpy(out, number > 0 ? "1e9999" : "-1e9999");
        else snprintf(out, sizeof out, "%a", number);
      }
      break;
    case LUA_TNIL: strcpy(out, "nil"); break;
    case LUA_TBOOLEAN: strcpy(out, lua_toboolean(L, argument) ? "true" : "false"); break;
    default: luaL_argerror(L, argument, "value has no literal form");
  }
  md_scratch_add(L, out, strlen(out));
}

static void add_text(lua_State *L, int argument, char specifier[SPECIFIER_ROOM]) {
  size_t length;
  const char *text = md_tostring(L, argument, &length);
  if (specifier[1] == 0) {
    md_scratch_add(L, text, length);
  } else {
    luaL_argcheck(L, strlen(text) == length, argument, "string contains zeros");
    bool is_cut = strchr(specifier, '.') != NULL;
    if (!is_cut && length >= 100) {
      md_scratch_add(L, text, length);
    } else {
      char out[NUMBER_ROOM];
      add_conversion(specifier, "s");
      int written = snprintf(out, sizeof out, specifier, text);
      md_scratch_add(L, out, (size_t)written);
    }
  }
  lua_pop(L, 1);
}

static void add_number(lua_State *L, int argument, char specifier[SPECIFIER_ROOM], char conversion) {
  char out[NUMBER_ROOM], ending[4] = {0};
  int written;
  switch (conversion) {
    case 'c':
      add_conversion(specifier, "c");
      written = snprintf(out, sizeof out, specifier, (int)luaL_checkinteger(L, argument));
      break;
    case 'd': case 'i': case 'o': case 'x': case 'X':
      snprintf(ending, sizeof ending, "ll%c", conversion);
      add_conversion(specifier, ending);
      written = snprintf(out, sizeof out, specifier, (long long)luaL_checkinteger(L, argument));
      break;
    default:
      ending[0] = conversion;
      add_conversion(specifier, ending);
      written = snprintf(out, sizeof out, specifier, luaL_checknumber(L, argument));
  }
  md_scratch_add(L, out, (size_t)written);
}

static int string_format(lua_State *L) {
  md_lua *lua = md_host(L);
  size_t length, start = lua->scratch.length;
  const char *at = luaL_checklstring(L, 1, &length), *end = at + length;
  int count = lua_gettop(L), argument = 1;
  md_charge(L, lua, 2 + (int64_t)(length >> 3));
  while (at < end) {
    const char *percent = memchr(at, '%', (size_t)(end - at));
    if (!percent) percent = end;
    md_scratch_add(L, at, (size_t)(percent - at));
    if (percent == end) break;
    at = percent + 1;
    if (at < end && *at == '%') {
      md_scratch_add(L, at++, 1);
      continue;
    }
    char specifier[SPECIFIER_ROOM], conversion;
    at = read_specifier(L, at, end, specifier, &conversion);
    if (!conversion || !strchr("cdiouxXaAeEfFgGqs", conversion) || conversion == 'u') {
      luaL_error(L, "invalid conversion '%s%c' to 'format'", specifier, conversion ? conversion : '?');
    }
    if (++argument > count) luaL_argerror(L, argument, "no value");
    md_charge(L, lua, 4);
    if (conversion == 'q') {
      if (specifier[1]) luaL_error(L, "specifier '%%q' cannot have modifiers");
      add_quoted(L, argument);
    } else if (conversion == 's') {
      add_text(L, argument, specifier);
    } else {
      add_number(L, argument, specifier, conversion);
    }
    if (lua->scratch.length - start > lua->limits.string) luaL_error(L, "the resulting string is too large");
  }
  md_scratch_push(L, start);
  return 1;
}

void md_open_format(lua_State *L) {                          // words
  lua_rawgeti(L, LUA_REGISTRYINDEX, MD_REF_STRING);
  lua_pushcfunction(L, string_format);
  lua_setfield(L, -2, "format");
  lua_pop(L, 1);
}
