// utf8, with loops that are charged.
#include "../host.h"

#include <string.h>

// The code point at `at`, and its length in bytes; 0 when it is not valid UTF-8 (surrogates and beyond U+10FFFF are
// not).
static size_t decode(const unsigned char *at, size_t available, uint32_t *code) {
  size_t length = md_utf8_length(at, available);
  switch (length) {
    case 1: *code = at[0]; break;
    case 2: *code = (uint32_t)(at[0] & 0x1F) << 6 | (at[1] & 0x3F); break;
    case 3: *code = (uint32_t)(at[0] & 0x0F) << 12 | (uint32_t)(at[1] & 0x3F) << 6 | (at[2] & 0x3F); break;
    case 4:
      *code = (uint32_t)(at[0] & 0x07) << 18 | (uint32_t)(at[1] & 0x3F) << 12 | (uint32_t)(at[2] & 0x3F) << 6
        | (at[3] & 0x3F);
      break;
    default: break;
  }
  return length;
}

static size_t encode(uint32_t code, char out[4]) {
  if (code < 0x80) {
    out[0] = (char)code;
    return 1;
  }
  size_t length = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
  for (size_t i = length - 1; i > 0; i--, code >>= 6) out[i] = (char)(0x80 | (code & 0x3F));
  out[0] = (char)((0xF00 >> length & 0xFF) | code);
  return length;
}

static lua_Integer offset_of(lua_Integer position, size_t length) {
  if (position >= 0) return position;
  return position < -(lua_Integer)length ? 0 : (lua_Integer)length + position + 1;
}

static bool continues(char byte) { return ((unsigned char)byte & 0xC0) == 0x80; }

static int utf8_char(lua_State *L) {
  md_lua *lua = md_host(L);
  int count = lua_gettop(L);
  size_t start = lua->scratch.length;
  md_charge(L, lua, 1 + count);
  for (int i = 1; i <= count; i++) {
    lua_Unsigned code = (lua_Unsigned)luaL_checkinteger(L, i);
    luaL_argcheck(L, code <= 0x10FFFF && !(code >= 0xD800 && code < 0xE000), i, "value out of range");
    char bytes[4];
    md_scratch_add(L, bytes, encode((uint32_t)code, bytes));
  }
  md_scratch_push(L, start);
  return 1;
}

static int utf8_codepoint(lua_State *L) {
  size_t length;
  const char *text = luaL_checklstring(L, 1, &length);
  lua_Integer from = offset_of(luaL_optinteger(L, 2, 1), length), to = offset_of(luaL_optinteger(L, 3, from), length);
  luaL_argcheck(L, from >= 1, 2, "out of bounds");
  luaL_argcheck(L, to <= (lua_Integer)length, 3, "out of bounds");
  if (from > to) return 0;
  if (to - from >= 100000) return luaL_error(L, "string slice too long");
  luaL_checkstack(L, (int)(to - from + 1), "string slice too long");
  md_charge(L, md_host(L), 1 + to - from);
  int count = 0;
  for (const char *at = text + from - 1, *end = text + to; at < end; count++) {
    uint32_t code = 0;
    size_t step = decode((const unsigned char *)at, length - (size_t)(at - text), &code);
    if (step == 0) return luaL_error(L, "invalid UTF-8 code");
    lua_pushinteger(L, code);
    at += step;
  }
  return count;
}

static int utf8_len(lua_State *L) {
  size_t length;
  const char *text = luaL_checklstring(L, 1, &length);
  lua_Integer from = offset_of(luaL_optinteger(L, 2, 1), length), to = offset_of(luaL_optinteger(L, 3, -1), length);
  luaL_argcheck(L, from >= 1 && from <= (lua_Integer)length + 1, 2, "initial position out of bounds");
  luaL_argcheck(L, to <= (lua_Integer)length, 3, "final position out of bounds");
  md_charge(L, md_host(L), 1 + (to > from ? (to - from) >> 2 : 0));
  lua_Integer count = 0;
  for (lua_Integer at = from - 1; at < to; count++) {
    uint32_t code;
    size_t step = decode((const unsigned char *)text + at, length - (size_t)at, &code);
    if (step == 0) {
      lua_pushnil(L);
      lua_pushinteger(L, at + 1);
      return 2;
    }
    at += (lua_Integer)step;
  }
  lua_pushinteger(L, count);
  return 1;
}

static int utf8_offset(lua_State *L) {
  size_t size;
  const char *text = luaL_checklstring(L, 1, &size);
  lua_Integer count = luaL_checkinteger(L, 2), length = (lua_Integer)size;
  lua_Integer at = offset_of(luaL_optinteger(L, 3, count > 0 ? 1 : length + 1), size) - 1;
  luaL_argcheck(L, at >= 0 && at <= length, 3, "position out of bounds");
  md_charge(L, md_host(L), 1 + (int64_t)(size >> 3));
  if (count == 0) {
    while (at > 0 && at < length && continues(text[at])) at--;
  } else {
    if (at < length && continues(text[at])) return luaL_error(L, "initial position is a continuation byte");
    while (count < 0 && at > 0) {
      do at--; while (at > 0 && continues(text[at]));
      count++;
    }
    while (count > 1 && at < length) {
      do at++; while (at < length && continues(text[at]));
      count--;
    }
    if (count != 0 && count != 1) {
      lua_pushnil(L);
      return 1;
    }
  }
  lua_pushinteger(L, at + 1);
  return 1;
}

static int next_code(lua_State *L) {                         // text position
  size_t length;
  const char *text = luaL_checklstring(L, 1, &length);
  lua_Integer at = luaL_checkinteger(L, 2);
  md_charge(L, md_host(L), 1);
  uint32_t code;
  if (at < 0 || at > (lua_Integer)length) return 0;
  if (at > 0) at += (lua_Integer)decode((const unsigned char *)text + at - 1, length - (size_t)at + 1, &code) - 1;
  if (at >= (lua_Integer)length) return 0;
  if (decode((const unsigned char *)text + at, length - (size_t)at, &code) == 0) {
    return luaL_error(L, "invalid UTF-8 code");
  }
  lua_pushinteger(L, at + 1);
  lua_pushinteger(L, code);
  return 2;
}

static int utf8_codes(lua_State *L) {
  luaL_checkstring(L, 1);
  lua_settop(L, 1);
  lua_pushcfunction(L, next_code);
  lua_insert(L, 1);
  lua_pushinteger(L, 0);
  return 3;
}

void md_open_utf8(lua_State *L) {                            // words
  static const luaL_Reg functions[] = {
    {"char", utf8_char},     {"codepoint", utf8_codepoint}, {"codes", utf8_codes},
    {"len", utf8_len},       {"offset", utf8_offset},       {NULL, NULL}};
  lua_createtable(L, 0, 8);
  md_set_functions(L, functions);
  lua_pushlstring(L, "[\0-\x7F\xC2-\xFD][\x80-\xBF]*", 14);
  lua_setfield(L, -2, "charpattern");
  lua_setfield(L, -2, "utf8");
}
