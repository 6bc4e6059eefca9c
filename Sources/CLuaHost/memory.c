// The allocator with its two modes, and the scratch bytes of library functions.
//
// While script code runs, limits are enforced: a refusal makes Lua collect garbage and try again, and a second one
// raises, which kills the call. While the host pushes arguments and messages nothing is refused, so that a script near
// its limit cannot make the host fail; what the host pushed still counts.
#include "host.h"

#include <stdlib.h>
#include <string.h>

// Allocations of a script are charged, so that loops which only allocate end by their instruction budget and not by
// the clock. Exempt is what depends on when garbage was collected, because the charge must not: short strings (they
// may be interned still), small vectors (frames of the call stack), and growth in place (the stack; lists pay by
// instructions).
enum {
  MD_ALLOCATION_COST = 10, MD_ALLOCATION_SHIFT = 5, MD_SHORT_STRING_BLOCK = 80, MD_SMALL_VECTOR = 96,
  MD_MAXIMUM_DENIALS = 2
};
enum { MD_STRING_HEADER = 64 };  // more than the header and the final zero of any string

static int32_t long_class(size_t size) {
  if (size < 4u * MD_LONG_STRING) return 0;
  if (size < 16u * MD_LONG_STRING) return 1;
  return size < 64u * MD_LONG_STRING ? 2 : 3;
}

static void forget_long_string(md_lua *lua, void *block) {
  for (size_t i = lua->long_count; i-- > 0;) {
    if (lua->long_strings[i].block != block) continue;
    lua->long_of_class[lua->long_strings[i].size_class]--;
    lua->long_strings[i] = lua->long_strings[--lua->long_count];
    return;
  }
}

static void note_long_string(md_lua *lua, void *block, size_t size) {
  if (lua->long_count == lua->long_capacity) {
    size_t capacity = lua->long_capacity ? lua->long_capacity * 2 : 64;
    md_long_string *larger = realloc(lua->long_strings, capacity * sizeof *larger);
    if (!larger) {  // never forgotten then: scripts run slower, but not longer
      lua->long_of_class[long_class(size)]++;
      return;
    }
    lua->long_strings = larger;
    lua->long_capacity = capacity;
  }
  lua->long_strings[lua->long_count++] = (md_long_string){block, long_class(size)};
  lua->long_of_class[long_class(size)]++;
}

static bool permits(md_lua *lua, bool is_string, size_t growth, size_t new_size) {
  if (lua->refuse_after > 0 && --lua->refuse_after == 0) lua->denials = MD_MAXIMUM_DENIALS;
  bool within = new_size <= lua->limits.block && lua->used + growth <= lua->limits.memory
    && !(is_string && new_size > lua->limits.string + MD_STRING_HEADER);
  // At the limit each allocation could cost a full collection, so a call gets only a few of them.
  if (lua->denials >= MD_MAXIMUM_DENIALS) return false;
  if (!within) lua->denials++;
  return within;
}

// Raising and looking around are the hook's business, not the allocator's.
static void call_hook_soon(md_lua *lua) {
  lua->interval = 1;
  lua_sethook(lua->current, md_hook, LUA_MASKCOUNT, 1);
}

// Up to three quarters of the memory the next regular call of the hook is soon enough: changing the count touches every
// frame, and there may be many. Later a few large blocks could be all there is room for.
static void look_around_soon(md_lua *lua) {
  lua->look_above = lua->used + lua->limits.memory / 16;
  lua->looks_around = true;
  if (lua->used > lua->limits.memory / 4 * 3 && lua->interval > 1) call_hook_soon(lua);
}

// `tag` is what Lua says about a new block: the type of an object, or 0 for a vector.
static void charge_allocation(md_lua *lua, size_t tag, size_t size) {
  if (tag == LUA_TSTRING ? size <= MD_SHORT_STRING_BLOCK : tag == 0 && size <= MD_SMALL_VECTOR) return;
  lua->budget -= MD_ALLOCATION_COST + (int64_t)(size >> MD_ALLOCATION_SHIFT);
  if (lua->budget < 0 && lua->interval > 1) call_hook_soon(lua);
}

void *md_allocate(void *data, void *block, size_t old_size, size_t new_size) {
  md_lua *lua = data;
  size_t tag = block ? 0 : old_size;
  bool is_string = tag == LUA_TSTRING;
  if (!block) old_size = 0;
  if (new_size == 0) {
    if (!block) return NULL;
    if (old_size >= MD_LONG_STRING) forget_long_string(lua, block);
    lua->used -= old_size;
    free(block);
    return NULL;
  }
  if (new_size > old_size && lua->enforcing) {
    if (!permits(lua, is_string, new_size - old_size, new_size)) return NULL;
    if (!block) charge_allocation(lua, tag, new_size);
    if (lua->used > lua->look_above) look_around_soon(lua);
  }
  void *moved = realloc(block, new_size);
  if (!moved) {
    if (new_size > old_size) return NULL;
    moved = block;  // shrinking may not fail
  }
  lua->used += new_size - old_size;
  if (is_string && new_size >= MD_LONG_STRING) {
    note_long_string(lua, moved, new_size);
    if (lua->enforcing && md_interval(lua) < lua->interval) md_restart_count(lua->current, lua);
  }
  return moved;
}

bool md_buffer_reserve(md_buffer *buffer, size_t extra) {
  if (extra <= buffer->capacity - buffer->length) return true;
  size_t capacity = buffer->capacity ? buffer->capacity : 256;
  while (capacity - buffer->length < extra) capacity *= 2;
  char *larger = realloc(buffer->bytes, capacity);
  if (!larger) return false;
  buffer->bytes = larger;
  buffer->capacity = capacity;
  return true;
}

bool md_buffer_set(md_buffer *buffer, const void *bytes, size_t length) {
  buffer->length = 0;
  if (!md_buffer_reserve(buffer, length + 1)) return false;
  if (length) memcpy(buffer->bytes, bytes, length);
  buffer->bytes[length] = 0;
  buffer->length = length;
  return true;
}

void md_buffer_free(md_buffer *buffer) {
  free(buffer->bytes);
  *buffer = (md_buffer){0};
}

char *md_scratch(lua_State *L, size_t extra) {
  md_lua *lua = md_host(L);
  size_t before = lua->scratch.capacity;
  if (extra > before - lua->scratch.length) {
    size_t needed = lua->scratch.length + extra;
    bool refused = lua->enforcing && (needed > lua->limits.block || lua->used + needed > lua->limits.memory);
    if (refused || !md_buffer_reserve(&lua->scratch, extra)) md_raise_fatal(L, lua, MD_LUA_MEMORY);
    lua->used += lua->scratch.capacity - before;
  }
  return lua->scratch.bytes + lua->scratch.length;
}

void md_scratch_add(lua_State *L, const void *bytes, size_t length) {
  if (length == 0) return;
  memcpy(md_scratch(L, length), bytes, length);
  md_host(L)->scratch.length += length;
}

void md_scratch_push(lua_State *L, size_t start) {
  md_lua *lua = md_host(L);
  size_t length = lua->scratch.length - start;
  if (length > lua->limits.string) {
    lua->scratch.length = start;
    luaL_error(L, "the resulting string is too large (over %d bytes)", (int)lua->limits.string);
  }
  lua_pushlstring(L, length ? lua->scratch.bytes + start : "", length);
  lua->scratch.length = start;
}
