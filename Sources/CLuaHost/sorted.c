// Tables in their fixed order: numbers, then strings by bytes. Lua's own order differs from run to run.
#include "host.h"

#include <stdlib.h>
#include <string.h>

static int compare_entries(const void *left_entry, const void *right_entry) {
  const md_entry *left = left_entry, *right = right_entry;
  if (!left->bytes || !right->bytes) {
    if (left->bytes || right->bytes) return left->bytes ? 1 : -1;
    if (left->is_integer && right->is_integer) {
      return (left->integer > right->integer) - (left->integer < right->integer);
    }
    int order = (left->number > right->number) - (left->number < right->number);
    return order ? order : right->is_integer - left->is_integer;  // beyond 2^53 two keys can be one double
  }
  size_t common = left->length < right->length ? left->length : right->length;
  int order = memcmp(left->bytes, right->bytes, common);
  if (order != 0) return order;
  return (left->length > right->length) - (left->length < right->length);
}

static bool reserve_entry(md_lua *lua) {
  if (lua->entry_count < lua->entry_capacity) return true;
  size_t capacity = lua->entry_capacity ? lua->entry_capacity * 2 : 64;
  md_entry *larger = realloc(lua->entries, capacity * sizeof *larger);
  if (!larger) return false;
  lua->entries = larger;
  lua->entry_capacity = capacity;
  return true;
}

static void sort_entries(md_entry *entries, size_t count) {
  if (count > 12) {
    qsort(entries, count, sizeof *entries, compare_entries);
    return;
  }
  for (size_t i = 1; i < count; i++) {
    md_entry moving = entries[i];
    size_t place = i;
    for (; place > 0 && compare_entries(&moving, &entries[place - 1]) < 0; place--) entries[place] = entries[place - 1];
    entries[place] = moving;
  }
}

bool md_sorted_entries(lua_State *L, md_lua *lua, int index, size_t *start, size_t *count, size_t *other) {
  int base = lua_gettop(L);
  *start = lua->entry_count;
  *other = 0;
  if (!lua_checkstack(L, 8)) return false;
  lua_pushnil(L);
  while (lua_next(L, index)) {  // … key value
    md_entry entry = {.slot = lua_gettop(L) - 1};
    int type = lua_type(L, -2);
    if (type == LUA_TSTRING) {
      entry.bytes = lua_tolstring(L, -2, &entry.length);
    } else if (type == LUA_TNUMBER) {
      entry.is_integer = lua_isinteger(L, -2);
      if (entry.is_integer) entry.integer = lua_tointeger(L, -2);
      entry.number = lua_tonumber(L, -2);
    } else {
      ++*other;
      lua_pop(L, 1);  // … key
      continue;
    }
    size_t so_far = lua->entry_count - *start;
    bool room = so_far < MD_MAXIMUM_SORTED && reserve_entry(lua) && (so_far % 32 || lua_checkstack(L, 2 * 32 + 8));
    if (!room) {
      lua_settop(L, base);
      lua->entry_count = *start;
      return false;
    }
    lua->entries[lua->entry_count++] = entry;
    lua_pushvalue(L, -2);  // … key value key
  }
  *count = lua->entry_count - *start;
  lua->budget -= 8 * (int64_t)*count;
  sort_entries(lua->entries + *start, *count);
  return true;
}
