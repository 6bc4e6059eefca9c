// Coroutines of the host's making: a function of a script that a host function can put down in the middle of its call and
// that goes on later, with what it waited for as the result of that call. Scripts have no word for them.
//
// Nothing but Lua's own frames may lie between the start of a coroutine and a wait in it: a wait below one of the library's
// functions that call back (`table.sort`, `string.gsub`) cannot be put down, and `md_lua_can_yield` says so beforehand.
#include "host.h"

#include <string.h>

enum { MD_KEPT_RESULTS = 8 };

typedef struct {
  md_lua *lua;
  int32_t ref;
} coroutine_data;

static int make_coroutine(lua_State *L) {                    // data
  coroutine_data *data = lua_touserdata(L, 1);
  lua_State *thread = lua_newthread(L);
  lua_rawgeti(L, LUA_REGISTRYINDEX, data->ref);              // data thread function
  lua_xmove(L, thread, 1);
  data->ref = md_ref(L, data->lua);
  return 0;
}

int32_t md_lua_new_coroutine(md_lua *lua, int32_t function) {
  coroutine_data data = {lua, function};
  if (lua->fatal != MD_LUA_OK || !md_protect(lua, make_coroutine, &data, 0)) return -1;
  return data.ref;
}

static lua_State *_Nullable coroutine_of(md_lua *lua, int32_t ref) {
  lua_State *L = lua->current;
  if (!lua_checkstack(L, 1)) return NULL;
  lua_rawgeti(L, LUA_REGISTRYINDEX, ref);
  lua_State *thread = lua_tothread(L, -1);
  lua_pop(L, 1);
  return thread;
}

// Whether it has not begun, or waits.
static bool can_go_on(lua_State *thread) {
  int status = lua_status(thread);
  return status == LUA_YIELD || (status == LUA_OK && lua_gettop(thread) == 1 && lua_isfunction(thread, 1));
}

typedef struct {
  md_lua *lua;
  const md_lua_item *_Nullable items;
  int32_t count;
} items_data;

static int push_items(lua_State *L) {                        // data
  const items_data *data = lua_touserdata(L, 1);
  luaL_checkstack(L, data->count + 4, "too many values");
  for (int32_t i = 0; i < data->count; i++) md_push_item(L, data->lua, &data->items[i], "the value");
  return data->count;
}

static int note_error(lua_State *L) {                        // error
  md_keep_message(L, md_host(L), 1);
  return 0;
}

// The error that ended a coroutine, which lies on its stack above the frames that it left.
static md_lua_outcome failure_of(md_lua *lua, lua_State *thread, int status) {
  lua_State *L = lua->state;
  if (!md_is_passing(lua) && status != LUA_ERRMEM) {
    md_keep_traceback(thread, lua, 0);
    lua_pushcfunction(L, note_error);
    lua_xmove(thread, L, 1);
    if (lua_pcall(L, 1, 0, 0) != LUA_OK) lua_pop(L, 1);
  }
  return md_outcome_of(lua, status);
}

// Moves what the function returned to where results are looked at. A script may return as much as it likes; more than a
// few values are never asked for.
static md_lua_outcome results_of(md_lua *lua, lua_State *thread, int count) {
  lua_State *L = lua->state;
  if (count > MD_KEPT_RESULTS) {
    lua_pop(thread, count - MD_KEPT_RESULTS);
    count = MD_KEPT_RESULTS;
  }
  lua_xmove(thread, L, count);
  return (md_lua_outcome){.status = MD_LUA_OK, .first = lua_gettop(L) - count + 1, .count = count};
}

// Its frames and what they hold are garbage from now on.
static void put_away(lua_State *thread) {
  lua_resetthread(thread);
  lua_settop(thread, 0);
}

md_lua_outcome md_lua_resume(md_lua *lua, int32_t coroutine, const md_lua_item *items, int32_t count) {
  if (lua->fatal != MD_LUA_OK) {
    return md_fault(lua, MD_LUA_HOST, "the interpreter hit a limit before and must be replaced");
  }
  if (lua->depth > 0) return md_fault(lua, MD_LUA_HOST, "a coroutine is resumed inside of a call");
  lua_State *L = lua->state, *thread = coroutine_of(lua, coroutine);
  if (!thread || !can_go_on(thread)) return md_fault(lua, MD_LUA_HOST, "the coroutine does not wait");
  lua->message.length = lua->traceback.length = 0;
  items_data data = {lua, items, count};
  if (!lua_checkstack(L, count + MD_KEPT_RESULTS) || !lua_checkstack(thread, count + 4)) {
    return md_fault(lua, MD_LUA_HOST, "the Lua stack is full");
  }
  if (!md_protect(lua, push_items, &data, count)) {
    return (md_lua_outcome){
      .status = MD_LUA_HOST, .message = {lua->message.bytes, lua->message.length}};
  }
  lua_xmove(L, thread, count);
  lua->base_scratch = lua->scratch.length;
  lua->base_entries = lua->entry_count;
  lua->depth++;
  lua->current = thread;
  md_begin_budget(lua);
  int results = 0;
  lua->enforcing = true;
  int status = lua_resume(thread, L, count, &results);
  lua->enforcing = false;
  lua->current = L;
  lua->depth--;
  lua->scratch.length = lua->base_scratch;
  lua->entry_count = lua->base_entries;
  md_end_budget(lua);
  if (lua->fatal != MD_LUA_OK) return md_outcome_of(lua, status);
  if (status == LUA_YIELD) {
    lua_pop(thread, results);
    return (md_lua_outcome){.status = MD_LUA_WAITS};
  }
  if (status == LUA_OK) return results_of(lua, thread, results);
  md_lua_outcome outcome = failure_of(lua, thread, status);
  if (lua->fatal == MD_LUA_OK) put_away(thread);
  return outcome;
}

void md_lua_close_coroutine(md_lua *lua, int32_t coroutine) {
  lua_State *thread = coroutine_of(lua, coroutine);
  if (thread && thread != lua->current && lua->fatal == MD_LUA_OK) put_away(thread);
  md_lua_release(lua, coroutine);
}

// --- waiting

bool md_lua_can_yield(const md_lua *lua) {
  return lua->current != lua->state && lua_isyieldable(lua->current);
}

// What it is resumed with lies where its arguments were.
static int after_yield(lua_State *L, int status, lua_KContext context) {
  (void)status;
  (void)context;
  return lua_gettop(L);
}

int md_yield(lua_State *L) {
  lua_settop(L, 0);
  return lua_yieldk(L, 0, 0, after_yield);
}
