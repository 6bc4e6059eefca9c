// find, match, gmatch and gsub.
#define _GNU_SOURCE
#include "pattern.h"

#include <string.h>

// Where a search begins, from 0 on; beyond the end when the position lies there.
static size_t start_of(lua_State *L, int index, size_t length) {
  lua_Integer position = luaL_optinteger(L, index, 1);
  if (position > 0) return (size_t)position - 1;
  if (position == 0 || position < -(lua_Integer)length) return 0;
  return length + (size_t)position;
}

static md_match matching(lua_State *L, const char *subject, size_t length) {
  return (md_match){.L = L, .lua = md_host(L), .subject = subject, .end = subject + length};
}

static bool has_no_specials(const char *pattern, size_t length) {
  for (size_t i = 0; i < length; i++) {
    if (pattern[i] == 0 || strchr("^$*+?.([%-", pattern[i])) return false;
  }
  return true;
}

static int find_plain(
  lua_State *L, const char *subject, size_t length, const char *pattern, size_t pattern_length, size_t from) {
  md_charge(L, md_host(L), 1 + (int64_t)((length - from) >> 4) + (int64_t)(pattern_length >> 4));
  const char *found =
    pattern_length == 0 ? subject + from : memmem(subject + from, length - from, pattern, pattern_length);
  if (!found) {
    lua_pushnil(L);
    return 1;
  }
  lua_pushinteger(L, found - subject + 1);
  lua_pushinteger(L, found - subject + (lua_Integer)pattern_length);
  return 2;
}

static int search(lua_State *L, bool finds) {
  size_t length, pattern_length;
  const char *subject = luaL_checklstring(L, 1, &length);
  const char *pattern = luaL_checklstring(L, 2, &pattern_length);
  size_t from = start_of(L, 3, length);
  if (from > length) {
    lua_pushnil(L);
    return 1;
  }
  if (finds && (lua_toboolean(L, 4) || has_no_specials(pattern, pattern_length))) {
    return find_plain(L, subject, length, pattern, pattern_length, from);
  }
  bool anchored = pattern_length > 0 && *pattern == '^';
  md_node inlined[MD_PATTERN_INLINE];
  md_match match = matching(L, subject, length);
  md_pattern_compile(L, &match, pattern + anchored, pattern_length - anchored, inlined);
  for (const char *at = subject + from; at <= match.end; at++) {
    const char *end = md_pattern_match(&match, at);
    if (end) {
      if (!finds) return md_pattern_push_all(&match, at, end);
      lua_pushinteger(L, at - subject + 1);
      lua_pushinteger(L, end - subject);
      return 2 + md_pattern_push_all(&match, NULL, NULL);
    }
    if (anchored) break;
  }
  lua_pushnil(L);
  return 1;
}

static int string_find(lua_State *L) { return search(L, true); }
static int string_match(lua_State *L) { return search(L, false); }

// --- gmatch: upvalues are subject, pattern, where to go on, where the last match ended

static int gmatch_next(lua_State *L) {
  size_t length, pattern_length;
  const char *subject = lua_tolstring(L, lua_upvalueindex(1), &length);
  const char *pattern = lua_tolstring(L, lua_upvalueindex(2), &pattern_length);
  size_t from = (size_t)lua_tointeger(L, lua_upvalueindex(3));
  lua_Integer last = lua_tointeger(L, lua_upvalueindex(4));
  md_node inlined[MD_PATTERN_INLINE];
  md_match match = matching(L, subject, length);
  md_pattern_compile(L, &match, pattern, pattern_length, inlined);
  for (const char *at = subject + from; at <= match.end; at++) {
    const char *end = md_pattern_match(&match, at);
    if (!end || end - subject == last) continue;
    lua_pushinteger(L, end - subject);
    lua_pushvalue(L, -1);
    lua_replace(L, lua_upvalueindex(3));
    lua_replace(L, lua_upvalueindex(4));
    return md_pattern_push_all(&match, at, end);
  }
  lua_pushinteger(L, (lua_Integer)length + 1);
  lua_replace(L, lua_upvalueindex(3));
  return 0;
}

static int string_gmatch(lua_State *L) {
  size_t length;
  luaL_checklstring(L, 1, &length);
  luaL_checkstring(L, 2);
  size_t from = start_of(L, 3, length);
  lua_settop(L, 2);
  lua_pushinteger(L, (lua_Integer)(from > length ? length + 1 : from));
  lua_pushinteger(L, -1);
  lua_pushcclosure(L, gmatch_next, 4);
  return 1;
}

// --- gsub: stack is subject, pattern, replacement, …

static void add_template(md_match *match, const char *start, const char *end) {
  lua_State *L = match->L;
  size_t length;
  const char *text = lua_tolstring(L, 3, &length), *stop = text + length;
  md_charge(L, match->lua, 1 + (int64_t)(length >> 3));
  while (text < stop) {
    const char *percent = memchr(text, '%', (size_t)(stop - text));
    if (!percent) percent = stop;
    md_scratch_add(L, text, (size_t)(percent - text));
    if (percent == stop) return;
    text = percent + 2;
    char escaped = percent + 1 < stop ? percent[1] : 0;
    if (escaped == '%') {
      md_scratch_add(L, "%", 1);
    } else if (escaped == '0') {
      md_scratch_add(L, start, (size_t)(end - start));
    } else if (escaped >= '1' && escaped <= '9') {
      md_pattern_push(match, escaped - '1', start, end);
      size_t piece_length;
      const char *piece = lua_tolstring(L, -1, &piece_length);
      md_scratch_add(L, piece, piece_length);
      lua_pop(L, 1);
    } else {
      luaL_error(L, "invalid use of '%%' in replacement string");
    }
  }
}

// Adds what replaces the match.
static void add_replacement(md_match *match, const char *start, const char *end, int type) {
  lua_State *L = match->L;
  md_charge(L, match->lua, 4);
  if (type == LUA_TSTRING || type == LUA_TNUMBER) {
    add_template(match, start, end);
    return;
  }
  if (type == LUA_TFUNCTION) {
    lua_pushvalue(L, 3);
    lua_call(L, md_pattern_push_all(match, start, end), 1);
  } else {
    md_pattern_push(match, 0, start, end);
    lua_gettable(L, 3);
  }
  if (!lua_toboolean(L, -1)) {
    md_scratch_add(L, start, (size_t)(end - start));
  } else if (lua_isstring(L, -1)) {
    size_t length;
    const char *text = lua_tolstring(L, -1, &length);
    md_scratch_add(L, text, length);
  } else {
    luaL_error(L, "invalid replacement value (a %s)", md_type_name(L, -1));
  }
  lua_pop(L, 1);
}

static int string_gsub(lua_State *L) {
  size_t length, pattern_length;
  const char *subject = luaL_checklstring(L, 1, &length);
  const char *pattern = luaL_checklstring(L, 2, &pattern_length);
  int type = lua_type(L, 3);
  luaL_argexpected(
    L, type == LUA_TNUMBER || type == LUA_TSTRING || type == LUA_TFUNCTION || type == LUA_TTABLE, 3,
    "string/function/table");
  lua_Integer limit = luaL_optinteger(L, 4, (lua_Integer)length + 1), count = 0;
  bool anchored = pattern_length > 0 && *pattern == '^';
  md_node inlined[MD_PATTERN_INLINE];
  md_match match = matching(L, subject, length);
  md_pattern_compile(L, &match, pattern + anchored, pattern_length - anchored, inlined);
  size_t scratch = match.lua->scratch.length;
  const char *at = subject, *last = NULL;
  while (count < limit) {
    const char *end = md_pattern_match(&match, at);
    if (end && end != last) {
      count++;
      add_replacement(&match, at, end, type);
      at = last = end;
    } else if (at < match.end) {
      md_scratch_add(L, at++, 1);
    } else {
      break;
    }
    if (match.lua->scratch.length - scratch > match.lua->limits.string) {
      luaL_error(L, "the resulting string is too large");
    }
    if (anchored) break;
  }
  if (at < match.end) md_scratch_add(L, at, (size_t)(match.end - at));
  md_charge(L, match.lua, (int64_t)((match.lua->scratch.length - scratch) >> 4));
  md_scratch_push(L, scratch);
  lua_pushinteger(L, count);
  return 2;
}

void md_open_search(lua_State *L) {                          // words
  static const luaL_Reg functions[] = {
    {"find", string_find}, {"match", string_match}, {"gmatch", string_gmatch}, {"gsub", string_gsub}, {NULL, NULL}};
  lua_rawgeti(L, LUA_REGISTRYINDEX, MD_REF_STRING);
  md_set_functions(L, functions);
  lua_pop(L, 1);
}
