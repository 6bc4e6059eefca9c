// Life of an interpreter, and the registry numbers by which Swift holds values.
#include "host.h"

#include <stdlib.h>
#include <string.h>

const char md_key_array = 0, md_key_original = 0, md_key_frozen = 0, md_key_name = 0, md_key_text = 0,
  md_key_guarded = 0, md_key_record = 0, md_key_copy = 0;

static const md_lua_limits defaults = {
  .memory = 64u << 20,
  .string = 1u << 20,
  .block = 16u << 20,
  .instructions = 20 * 1000 * 1000,
  .nanoseconds = 250 * 1000 * 1000,
  .compile_nanoseconds = 250 * 1000 * 1000,
  .source = 128u << 10,
};

static md_lua_limits with_defaults(md_lua_limits limits) {
  if (!limits.memory) limits.memory = defaults.memory;
  if (!limits.string) limits.string = defaults.string;
  if (!limits.block) limits.block = defaults.block;
  if (!limits.instructions) limits.instructions = defaults.instructions;
  if (!limits.nanoseconds) limits.nanoseconds = defaults.nanoseconds;
  if (!limits.compile_nanoseconds) limits.compile_nanoseconds = defaults.compile_nanoseconds;
  if (!limits.source) limits.source = defaults.source;
  return limits;
}

static int open_everything(lua_State *L) {
  lua_settop(L, 0);
  lua_newtable(L);  // words
  lua_pushvalue(L, 1);
  lua_rawseti(L, LUA_REGISTRYINDEX, MD_LUA_WORDS);
  md_open_json(L);  // first: its metatables are used by the others
  lua_settop(L, 1);
  md_open_base(L);
  md_open_string(L);
  md_open_search(L);
  md_open_format(L);
  md_open_table(L);
  md_open_math(L);
  md_open_utf8(L);
  lua_settop(L, 1);
  md_open_privileged(L);
  return 0;
}

md_lua *md_lua_new(const md_lua_limits *limits) {
  md_lua *lua = calloc(1, sizeof *lua);
  if (!lua) return NULL;
  lua->limits = with_defaults(*limits);
  lua->next_ref = MD_REF_FIRST;
  lua->interval = MD_HOOK_INTERVAL;
  lua->look_above = SIZE_MAX;
  lua->state = lua_newstate(md_allocate, lua);
  if (!lua->state) {
    free(lua);
    return NULL;
  }
  lua->current = lua->state;
  *(md_lua **)lua_getextraspace(lua->state) = lua;
  md_lua_seed(lua, 0, 0);
  md_lua_set_messages(lua, "\"%s\" belongs to the file and would be lost", "the global \"%s\" would be lost");
  if (!md_protect(lua, open_everything, NULL, 0)) {
    md_lua_free(lua);
    return NULL;
  }
  return lua;
}

void md_lua_free(md_lua *lua) {
  lua->enforcing = false;
  lua_close(lua->state);
  md_json_free(lua);
  md_buffer_free(&lua->scratch);
  md_buffer_free(&lua->message);
  md_buffer_free(&lua->traceback);
  free(lua->long_strings);
  free(lua->hosted);
  free(lua->entries);
  free(lua->free_refs);
  free(lua);
}

bool md_lua_is_dead(const md_lua *lua) { return lua->fatal != MD_LUA_OK; }

size_t md_lua_memory(const md_lua *lua) { return lua->used; }

int32_t md_lua_height(const md_lua *lua) { return lua_gettop(lua->current); }

int64_t md_lua_budget(const md_lua *lua) { return lua->budget; }

void md_lua_collect(md_lua *lua) { lua_gc(lua->state, LUA_GCCOLLECT); }

void md_lua_refuse_allocation(md_lua *lua, int64_t n) { lua->refuse_after = n; }

void md_lua_set_budget(md_lua *lua, int64_t instructions, uint64_t nanoseconds) {
  if (instructions) lua->limits.instructions = instructions;
  if (nanoseconds) lua->limits.nanoseconds = nanoseconds;
}

int32_t md_ref(lua_State *L, md_lua *lua) {
  int32_t ref = lua->free_count ? lua->free_refs[lua->free_count - 1] : lua->next_ref;
  lua_rawseti(L, LUA_REGISTRYINDEX, ref);
  if (lua->free_count) lua->free_count--;
  else lua->next_ref++;
  return ref;
}

void md_lua_release(md_lua *lua, int32_t ref) {
  if (ref < MD_REF_FIRST) return;
  if (lua->free_count == lua->free_capacity) {
    int32_t capacity = lua->free_capacity ? lua->free_capacity * 2 : 32;
    int32_t *larger = realloc(lua->free_refs, (size_t)capacity * sizeof *larger);
    if (!larger) return;  // the number is lost, not the memory behind it
    lua->free_refs = larger;
    lua->free_capacity = capacity;
  }
  lua_State *L = lua->current;
  if (!lua_checkstack(L, 1)) return;
  lua_pushboolean(L, 0);
  lua_rawseti(L, LUA_REGISTRYINDEX, ref);  // the slot exists, so this allocates nothing
  lua->free_refs[lua->free_count++] = ref;
}

// --- randomness: xoshiro256**, seeded through splitmix64

static uint64_t rotate(uint64_t value, int by) { return (value << by) | (value >> (64 - by)); }

static uint64_t split(uint64_t *state) {
  uint64_t mixed = (*state += 0x9e3779b97f4a7c15);
  mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9;
  mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111eb;
  return mixed ^ (mixed >> 31);
}

void md_lua_seed(md_lua *lua, uint64_t high, uint64_t low) {
  uint64_t first = high, second = low ^ 0x2545f4914f6cdd1d;
  for (int i = 0; i < 4; i++) lua->random[i] = split(&first) ^ rotate(split(&second), 17);
  if (!(lua->random[0] | lua->random[1] | lua->random[2] | lua->random[3])) lua->random[0] = 1;
}

uint64_t md_lua_random(md_lua *lua) {
  uint64_t *state = lua->random;
  uint64_t result = rotate(state[1] * 5, 7) * 9;
  uint64_t shifted = state[1] << 17;
  state[2] ^= state[0];
  state[3] ^= state[1];
  state[1] ^= state[2];
  state[0] ^= state[3];
  state[2] ^= shifted;
  state[3] = rotate(state[3], 45);
  return result;
}
