// Instructions, charges and the clock.
//
// Lua calls the hook every so many instructions; library functions charge for their loops. Both are counts, so a call
// ends at the same place every time it is made. The clock only catches what counting cannot see; a call that waited
// for a processor gets up to four times as long, so that a busy machine does not fail handlers. Once something is
// used up, counting goes down to one instruction and every charge raises: no `pcall` can keep a dead call alive.
#include "host.h"

#include <stdlib.h>
#include <time.h>

static const char passing_tag = 0;

// What a frame of a deep recursion costs in time beyond its instructions: memory, and marking it again and again.
enum { MD_PATIENCE = 4, MD_FRAME_COST = 40 };

static uint64_t read_clock(clockid_t clock) {
  struct timespec now;
  clock_gettime(clock, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t md_clock(void) { return read_clock(CLOCK_MONOTONIC); }

static void start_clock(md_lua *lua, uint64_t now) {
  lua->deadline = now + lua->limits.nanoseconds;
  lua->last_deadline = now + MD_PATIENCE * lua->limits.nanoseconds;
  lua->processor_start = read_clock(CLOCK_THREAD_CPUTIME_ID);
}

// At the deadline: whether the thread had its time. If not, the deadline moves.
static bool had_its_time(md_lua *lua, uint64_t now) {
  uint64_t used = read_clock(CLOCK_THREAD_CPUTIME_ID) - lua->processor_start;
  if (now >= lua->last_deadline || used >= lua->limits.nanoseconds) return true;
  lua->deadline = now + lua->limits.nanoseconds - used;
  return false;
}

// A single instruction may compare or copy strings. The longer the longest one is, the more often the clock is looked
// at: comparing 1 MiB takes up to 15 ms.
int32_t md_interval(const md_lua *lua) {
  if (lua->long_of_class[3] || lua->long_of_class[2]) return 1;
  if (lua->long_of_class[1]) return 8;
  return lua->long_of_class[0] ? 32 : MD_HOOK_INTERVAL;
}

void md_restart_count(lua_State *L, md_lua *lua) {
  lua->budget -= lua->interval;  // what was begun is paid in full, so that restarting gains nothing
  lua->interval = md_interval(lua);
  lua_sethook(L, md_hook, LUA_MASKCOUNT, lua->interval);
}

void md_begin_budget(md_lua *lua) {
  lua->budget = lua->limits.instructions;
  lua->look_at = lua->budget > MD_SLICE ? lua->budget - MD_SLICE : 0;
  lua->deadline = 0;
  lua->denials = 0;
  lua->looks_around = false;
  lua->look_above = lua->limits.memory / 2;
  lua->interval = md_interval(lua);
  lua_sethook(lua->current, md_hook, LUA_MASKCOUNT, lua->interval);
}

void md_end_budget(md_lua *lua) {
  lua->refuse_after = 0;
  if (lua->padded.capacity > MD_JSON_KEPT) md_json_free(lua);
  if (lua->scratch.capacity > MD_SCRATCH_KEPT && lua->scratch.length == 0) {
    lua->used -= lua->scratch.capacity;
    md_buffer_free(&lua->scratch);
  }
  if (lua->entry_capacity > MD_SCRATCH_KEPT / sizeof *lua->entries && lua->entry_count == 0) {
    free(lua->entries);
    lua->entries = NULL;
    lua->entry_capacity = 0;
  }
}

// Half of the memory is used, or another sixteenth. When it runs out nobody can look any more, so what runs is noted in
// time. Recursion without end is what mostly gets here: said as that, it is an ordinary error.
static void look_around(lua_State *L, md_lua *lua) {
  lua_Debug deep;
  lua->looks_around = false;
  md_keep_traceback(L, lua, 0);
  if (!lua_getstack(L, MD_DEEP, &deep)) return;
  lua->look_above = lua->limits.memory / 2;  // a script that catches this may do it again, for a while
  lua->budget -= MD_DEEP * MD_FRAME_COST;
  luaL_error(L, "stack overflow: does a function call itself without end?");
}

void md_lua_stop_clock(md_lua *lua) {
  if (lua->deadline == 0) return;  // it has not started, so there is nothing to hold
  lua->stopped_at = md_clock();
  lua->stopped_processor = read_clock(CLOCK_THREAD_CPUTIME_ID);
}

void md_lua_continue_clock(md_lua *lua) {
  if (lua->stopped_at == 0) return;
  uint64_t passed = md_clock() - lua->stopped_at;
  lua->deadline += passed;
  lua->last_deadline += passed;
  lua->processor_start += read_clock(CLOCK_THREAD_CPUTIME_ID) - lua->stopped_processor;
  lua->stopped_at = 0;
}

bool md_lua_ran_out_of_clock(const md_lua *lua) { return lua->out_of_time; }

void md_hook(lua_State *L, lua_Debug *activation) {
  (void)activation;
  md_lua *lua = md_host(L);
  if (!lua->enforcing) return;  // the host's own protected code
  lua->budget -= lua->interval;
  if (__builtin_expect(lua->looks_around, 0)) look_around(L, lua);
  md_check_budget(L, lua);
}

void md_check_budget(lua_State *L, md_lua *lua) {
  if (!lua->enforcing) return;
  if (md_is_passing(lua)) md_raise_passing(L);
  if (lua->budget < 0) md_raise_fatal(L, lua, MD_LUA_TIME);
  uint64_t now = md_clock();
  lua->look_at = lua->budget > MD_SLICE ? lua->budget - MD_SLICE : 0;
  // The clock starts at the first look: that is soon after the start and costs short calls nothing.
  if (lua->deadline == 0) start_clock(lua, now);
  if (now >= lua->deadline && had_its_time(lua, now)) {
    lua->out_of_time = true;
    md_raise_fatal(L, lua, MD_LUA_TIME);
  }
  int32_t interval = md_interval(lua);
  if (interval != lua->interval) {
    lua->interval = interval;
    lua_sethook(L, md_hook, LUA_MASKCOUNT, interval);
  }
}

_Noreturn void md_raise_passing(lua_State *L) {
  lua_pushlightuserdata(L, (void *)&passing_tag);
  lua_error(L);
  __builtin_unreachable();
}

void md_mark_fatal(md_lua *lua, md_lua_status status) {
  lua->fatal = status;
  lua->budget = -1;
  lua->look_at = INT64_MAX;
}

_Noreturn void md_raise_fatal(lua_State *L, md_lua *lua, md_lua_status status) {
  md_mark_fatal(lua, status);
  lua->interval = 1;
  lua_sethook(L, md_hook, LUA_MASKCOUNT, 1);
  md_keep_traceback(L, lua, 0);
  md_raise_passing(L);
}
