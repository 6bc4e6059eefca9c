// Entering Lua: one protected C function pushes everything and calls, so nothing that raises runs outside of it.
#include "host.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

// --- outcomes

static md_lua_text text_of(const md_buffer *buffer) { return (md_lua_text){buffer->bytes, buffer->length}; }

md_lua_outcome md_fault(md_lua *lua, md_lua_status status, const char *format, ...) {
  char text[512];
  va_list values;
  va_start(values, format);
  int length = vsnprintf(text, sizeof text, format, values);
  va_end(values);
  size_t kept = length < 0 ? 0 : (size_t)length < sizeof text ? (size_t)length : sizeof text - 1;
  md_buffer_set(&lua->message, text, kept);
  lua->traceback.length = 0;
  return (md_lua_outcome){.status = status, .message = text_of(&lua->message)};
}

static md_lua_outcome fatal_outcome(md_lua *lua) {
  char text[160];
  int length;
  if (lua->fatal == MD_LUA_MEMORY) {
    length = snprintf(text, sizeof text, "used more memory than it may (%zu MiB in all, %zu KiB in one string)",
      lua->limits.memory >> 20, lua->limits.string >> 10);
  } else if (lua->out_of_time) {
    length = snprintf(text, sizeof text, "took longer than %llu ms",
      (unsigned long long)(lua->limits.nanoseconds / 1000000));
  } else {
    length = snprintf(text, sizeof text, "did more than %lld instructions", (long long)lua->limits.instructions);
  }
  md_buffer_set(&lua->message, text, (size_t)length);
  return (md_lua_outcome){
    .status = lua->fatal, .message = text_of(&lua->message), .traceback = text_of(&lua->traceback)};
}

md_lua_outcome md_outcome_of(md_lua *lua, int status) {
  if (status == LUA_ERRMEM && lua->fatal == MD_LUA_OK) md_mark_fatal(lua, MD_LUA_MEMORY);
  if (lua->fatal != MD_LUA_OK) {
    lua->aborting = false;
    return fatal_outcome(lua);
  }
  if (status == LUA_ERRERR && lua->message.length == 0) md_buffer_set(&lua->message, "error in error handling", 23);
  md_lua_outcome outcome = {.message = text_of(&lua->message), .traceback = text_of(&lua->traceback)};
  outcome.status = lua->aborting ? MD_LUA_ABORTED : MD_LUA_ERROR;
  outcome.kind = lua->aborting ? lua->abort_kind : 0;
  lua->aborting = false;
  return outcome;
}

// --- errors

// An error value that is not text: its kind, or its JSON when short. `__tostring` would be the script's code.
static void describe(lua_State *L, md_lua *lua, int index) {
  if (lua_type(L, index) == LUA_TTABLE && !md_is_record(L, index)) {
    size_t start = lua->scratch.length;
    bool encoded = md_json_encode(L, lua, index, "error", 5);
    size_t length = lua->scratch.length - start;
    if (encoded && length <= 200) md_buffer_set(&lua->message, lua->scratch.bytes + start, length);
    else md_buffer_set(&lua->message, "a table", 7);
    lua->scratch.length = start;
    return;
  }
  char text[64];
  int length = 0;
  switch (lua_type(L, index)) {
    case LUA_TBOOLEAN: length = snprintf(text, sizeof text, "%s", lua_toboolean(L, index) ? "true" : "false"); break;
    case LUA_TNIL: length = snprintf(text, sizeof text, "nil"); break;
    default: length = snprintf(text, sizeof text, "a %s", md_type_name(L, index)); break;
  }
  md_buffer_set(&lua->message, text, (size_t)length);
}

void md_keep_message(lua_State *L, md_lua *lua, int index) {
  if (lua_type(L, index) != LUA_TSTRING && lua_type(L, index) != LUA_TNUMBER) {
    describe(L, lua, index);
    return;
  }
  lua_pushvalue(L, index);  // conversion would change a number in place
  size_t length;
  const char *text = lua_tolstring(L, -1, &length);
  md_buffer_set(&lua->message, text, length < MD_MAXIMUM_MESSAGE ? length : MD_MAXIMUM_MESSAGE);
  lua_pop(L, 1);
}

int md_on_error(lua_State *L) {
  md_lua *lua = md_host(L);
  lua->enforcing = false;
  if (md_is_passing(lua)) return 1;
  md_keep_message(L, lua, 1);
  md_keep_traceback(L, lua, 1);
  return 1;
}

// --- entries

bool md_protect(md_lua *lua, lua_CFunction body, void *data, int results) {
  lua_State *L = lua->current;
  if (!lua_checkstack(L, 4)) return false;
  bool enforcing = lua->enforcing;
  size_t scratch = lua->scratch.length, entries = lua->entry_count;
  int top = lua_gettop(L);
  lua->enforcing = false;
  lua_pushcfunction(L, body);
  lua_pushlightuserdata(L, data);
  int status = lua_pcall(L, 1, results, 0);
  lua->enforcing = enforcing;
  if (status == LUA_OK) return true;
  size_t length = 0;
  const char *text = lua_type(L, -1) == LUA_TSTRING ? lua_tolstring(L, -1, &length) : "";
  md_buffer_set(&lua->message, text, length);
  lua->scratch.length = scratch;
  lua->entry_count = entries;
  lua_settop(L, top);
  return false;
}

void md_push_item(lua_State *L, md_lua *lua, const md_lua_item *item, const char *name) {
  switch (item->kind) {
    case MD_LUA_BOOLEAN: lua_pushboolean(L, item->payload.integer != 0); return;
    case MD_LUA_INTEGER: lua_pushinteger(L, item->payload.integer); return;
    case MD_LUA_NUMBER: lua_pushnumber(L, item->payload.number); return;
    case MD_LUA_STRING: lua_pushlstring(L, item->length ? item->payload.bytes : "", item->length); return;
    case MD_LUA_NULL: lua_rawgeti(L, LUA_REGISTRYINDEX, MD_REF_NULL); return;
    case MD_LUA_REF: lua_rawgeti(L, LUA_REGISTRYINDEX, item->id); return;
    case MD_LUA_RECORD: md_push_record(L, lua, item->id); return;
    case MD_LUA_JSON: {
      const char *problem = md_json_push(L, lua, item->payload.bytes, item->length);
      if (problem) luaL_error(L, "%s is not JSON: %s", name ? name : "the value", problem);
      return;
    }
    default: lua_pushnil(L); return;
  }
}

typedef struct {
  md_lua *lua;
  int32_t function;
  const md_lua_item *_Nullable arguments;
  int32_t count;
  bool entered;
} call_data;

static int enter_call(lua_State *L) {
  call_data *data = lua_touserdata(L, 1);
  md_lua *lua = data->lua;
  luaL_checkstack(L, data->count + 4, "too many arguments");
  lua_rawgeti(L, LUA_REGISTRYINDEX, data->function);                    // data function
  for (int32_t i = 0; i < data->count; i++) md_push_item(L, lua, &data->arguments[i], "the argument");
  data->entered = true;                                                 // data function argument …
  if (md_interval(lua) < lua->interval) md_restart_count(L, lua);       // an argument was a long string
  lua->enforcing = true;
  lua_call(L, data->count, LUA_MULTRET);
  lua->enforcing = false;
  return lua_gettop(L) - 1;                                             // data result …
}

static const char *_Nullable why_not(md_lua *lua, const md_lua_item *arguments, int32_t count) {
  if (lua->fatal != MD_LUA_OK) return "the interpreter hit a limit before and must be replaced";
  if (!lua_checkstack(lua->current, 8)) return "the Lua stack is full";
  for (int32_t i = 0; i < count; i++) {
    if (arguments[i].kind == MD_LUA_RECORD && lua->shapes[arguments[i].id].live) return "the record is in use";
  }
  return NULL;
}

md_lua_outcome md_lua_call(md_lua *lua, int32_t function, const md_lua_item *arguments, int32_t count) {
  const char *reason = why_not(lua, arguments, count);
  if (reason) return md_fault(lua, MD_LUA_HOST, "%s", reason);
  lua_State *L = lua->current;
  bool enforcing = lua->enforcing;
  size_t scratch = lua->scratch.length, entries = lua->entry_count;
  lua->message.length = lua->traceback.length = 0;
  if (lua->depth++ == 0) md_begin_budget(lua);
  call_data data = {lua, function, arguments, count, false};
  int top = lua_gettop(L);
  lua_pushcfunction(L, md_on_error);
  lua_pushcfunction(L, enter_call);
  lua_pushlightuserdata(L, &data);                                      // handler entry data
  lua->enforcing = false;
  int status = lua_pcall(L, 1, LUA_MULTRET, top + 1);                   // handler result … | handler error
  lua->enforcing = enforcing;
  lua->scratch.length = scratch;
  lua->entry_count = entries;
  lua->depth--;
  for (int32_t i = 0; i < count; i++) {
    if (arguments[i].kind == MD_LUA_RECORD) lua->shapes[arguments[i].id].live = NULL;
  }
  if (lua->depth == 0) md_end_budget(lua);
  if (status == LUA_OK && lua->fatal == MD_LUA_OK) {
    lua_remove(L, top + 1);                                             // result …
    return (md_lua_outcome){.status = MD_LUA_OK, .first = top + 1, .count = lua_gettop(L) - top};
  }
  lua_settop(L, top);
  md_lua_outcome outcome = md_outcome_of(lua, status);
  if (outcome.status == MD_LUA_ERROR && !data.entered) outcome.status = MD_LUA_HOST;
  return outcome;
}

// --- loading

typedef struct {
  md_lua *lua;
  const char *source;
  size_t length, given;
  uint64_t deadline;
  const char *name;
  int32_t environment;
  bool trusted;
  int status;
  int32_t ref;
} load_data;

// The compiler runs no hook, but it reads: some sources take it quadratic time, so it gets them in small pieces and the
// clock is looked at before each.
static const char *read_source(lua_State *L, void *data_pointer, size_t *size) {
  load_data *data = data_pointer;
  enum { piece = 512 };
  if (md_clock() > data->deadline) {
    data->lua->out_of_time = true;
    md_raise_fatal(L, data->lua, MD_LUA_TIME);
  }
  size_t left = data->length - data->given;
  *size = left < piece ? left : piece;
  const char *bytes = data->source + data->given;
  data->given += *size;
  return *size ? bytes : NULL;
}

static int enter_load(lua_State *L) {
  load_data *data = lua_touserdata(L, 1);
  md_lua *lua = data->lua;
  const char *name = lua_pushfstring(L, "%s%s", data->trusted ? "=" : "@", data->name);  // data name
  lua->enforcing = !data->trusted;
  data->status = lua_load(L, read_source, data, name, "t");
  lua->enforcing = false;
  if (md_is_passing(lua)) md_raise_passing(L);
  if (data->status != LUA_OK) return lua_error(L);                      // data name function
  lua_rawgeti(L, LUA_REGISTRYINDEX, data->environment);
  lua_setupvalue(L, -2, 1);
  data->ref = md_ref(L, lua);
  return 0;
}

static size_t invalid_utf8_at(const unsigned char *bytes, size_t length) {
  for (size_t at = 0; at < length;) {
    size_t step = bytes[at] < 0x80 ? 1 : md_utf8_length(bytes + at, length - at);
    if (step == 0) return at;
    at += step;
  }
  return length;
}

static md_lua_outcome refuse_text(md_lua *lua, const char *name, const char *source, size_t at) {
  int line = 1;
  for (size_t i = 0; i < at; i++) line += source[i] == '\n';
  return md_fault(lua, MD_LUA_SYNTAX, "%s:%d: the file is not UTF-8 text", name, line);
}

static bool has_position(const md_buffer *message) {
  const char *colon = memchr(message->bytes, ':', message->length);
  return colon && colon[1] >= '0' && colon[1] <= '9';
}

// The compiler's own limits ("C stack overflow") come without a position: it is about where reading was.
static md_lua_outcome misplaced(md_lua *lua, const load_data *data) {
  char text[256];
  snprintf(text, sizeof text, "%.*s", (int)lua->message.length, lua->message.bytes);
  int line = 1;
  for (size_t i = 0; i < data->given; i++) line += data->source[i] == '\n';
  return md_fault(lua, MD_LUA_SYNTAX, "%s:%d: %s", data->name, line, text);
}

md_lua_outcome md_lua_load(
  md_lua *lua, const void *bytes, size_t length, const char *name, int32_t environment, bool trusted, int32_t *ref
) {
  const char *source = length ? bytes : "";
  *ref = -1;
  if (lua->fatal != MD_LUA_OK) return md_fault(lua, MD_LUA_HOST, "the interpreter hit a limit before");
  if (length > lua->limits.source) {
    return md_fault(lua, MD_LUA_SYNTAX, "%s:1: the file has %zu bytes; a script may have %zu", name, length,
      lua->limits.source);
  }
  size_t bad = invalid_utf8_at((const unsigned char *)source, length);
  if (bad < length) return refuse_text(lua, name, source, bad);
  size_t mark = length >= 3 && memcmp(source, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
  load_data data = {
    .lua = lua, .source = source + mark, .length = length - mark, .name = name, .environment = environment,
    .trusted = trusted, .deadline = md_clock() + lua->limits.compile_nanoseconds};
  lua->message.length = lua->traceback.length = 0;
  int64_t budget = lua->budget;
  lua->budget = INT64_MAX;  // the compiler's allocations are not the script's work
  bool loaded = md_protect(lua, enter_load, &data, 0);
  if (lua->fatal == MD_LUA_OK) lua->budget = budget;
  *ref = data.ref;
  if (loaded) return (md_lua_outcome){.status = MD_LUA_OK};
  *ref = -1;
  if (lua->fatal != MD_LUA_OK || data.status == LUA_ERRMEM) {
    md_lua_outcome outcome = md_outcome_of(lua, LUA_ERRMEM);
    if (outcome.status == MD_LUA_TIME) return md_fault(lua, MD_LUA_TIME, "%s: takes too long to compile", name);
    return outcome;
  }
  if (!has_position(&lua->message)) return misplaced(lua, &data);
  return (md_lua_outcome){.status = MD_LUA_SYNTAX, .message = text_of(&lua->message)};
}
