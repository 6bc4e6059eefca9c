// The inside of an interpreter, shared by the files of this target.
#pragma once

#include "CLuaHost.h"

#include <lauxlib.h>
#include <lua.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma clang assume_nonnull begin

enum {
  MD_MAXIMUM_SHAPES = 16,
  MD_MAXIMUM_FIELDS = 32,
  MD_MAXIMUM_DEPTH = 64,         // of JSON
  MD_MAXIMUM_NODES = 100000,     // of JSON
  MD_MAXIMUM_MESSAGE = 8192,     // bytes kept of an error
  MD_HOOK_INTERVAL = 1000,       // instructions between two looks at the budget
  MD_LONG_STRING = 16384,        // from here on strings make single instructions slow
  MD_LONG_CLASSES = 4,
  MD_SCRATCH_KEPT = 65536,       // bytes of scratch kept between calls
  MD_JSON_KEPT = 262144,         // bytes of JSON for which buffers are kept between calls
  MD_SLICE = 50000,              // charges between two looks at the clock
  MD_DEEP = 200000,              // calls in each other that are too many once half of the memory is used
  MD_FARTHEST_LEVEL = 1000,      // frames that `error` looks past for a position
  MD_MAXIMUM_SORTED = 100000,    // entries that are sorted to visit a table
};

/// A growing run of bytes outside of Lua.
typedef struct {
  char *_Nullable bytes;
  size_t length, capacity;
} md_buffer;

typedef struct {
  md_lua *lua;
  int32_t count;
  const char *_Nullable names[MD_MAXIMUM_FIELDS];  // interned by Lua, so equal names are equal pointers
  md_lua_item fields[MD_MAXIMUM_FIELDS];
  const void *_Nullable live;  // the table of the call under way
  int32_t metatable, names_ref;
} md_shape;

typedef struct {
  md_lua_function function;
  void *context;
  int32_t cost;
} md_hosted;

/// A string of at least MD_LONG_STRING bytes that lives.
typedef struct {
  void *block;
  int32_t size_class;
} md_long_string;

/// One entry of a table, sorted before it is visited.
typedef struct {
  const char *_Nullable bytes;  // null for numbers
  size_t length;
  double number;
  int64_t integer;
  bool is_integer;
  int32_t slot;                 // of the key; the value lies above it
} md_entry;

struct md_lua {
  lua_State *state;             // the main thread
  lua_State *current;           // the thread that runs
  md_lua_limits limits;

  // memory.c
  size_t used;
  bool enforcing;               // script code runs; otherwise the host pushes and is never refused
  int32_t denials;              // refusals in this call
  size_t look_above;            // with so much memory in use the hook looks around: half of it, then a little more
  bool looks_around;            // the hook does so when it is called next
  int64_t refuse_after;         // for tests; 0 is off
  md_long_string *_Nullable long_strings;
  size_t long_count, long_capacity;
  int32_t long_of_class[MD_LONG_CLASSES];
  md_buffer scratch;            // a stack of unfinished texts: whoever appends cuts back to where it began

  // budget.c
  int64_t budget;               // instructions left
  int64_t look_at;              // below this many the next charge looks at the clock
  uint64_t deadline;            // 0 until the first look at the clock
  uint64_t last_deadline, processor_start;
  uint64_t stopped_at, stopped_processor;  // while the clock stands still; 0: it runs
  int32_t interval;
  int32_t depth;                // of calls from Swift into each other
  md_lua_status fatal;          // TIME or MEMORY, once hit
  bool out_of_time;             // TIME came from the clock
  bool aborting;                // an abort passes through
  int32_t abort_kind;
  md_buffer message, traceback;
  bool with_position;           // the message of md_lua_fail wants `file:line:`
  uint64_t random[4];

  // coroutine.c: what a resumed coroutine found unfinished, in which it has no part
  size_t base_scratch, base_entries;

  // state.c
  int32_t *_Nullable free_refs;
  int32_t free_count, free_capacity, next_ref;

  // function.c, record.c
  md_hosted *_Nullable hosted;
  int32_t hosted_count, hosted_capacity;
  md_shape shapes[MD_MAXIMUM_SHAPES];
  int32_t shape_count;

  // sorted.c
  md_entry *_Nullable entries;
  size_t entry_count, entry_capacity;

  // JSON
  void *_Nullable parser;       // simdjson's
  md_buffer padded;

  // environment.c
  bool words_sealed;
  char table_message[256], global_message[256];
};

static inline md_lua *md_host(lua_State *L) { return *(md_lua **)lua_getextraspace(L); }

// --- registry: integer keys after Lua's own; luaL_ref, which would take the same numbers, is not used

enum {
  MD_REF_NULL = 6,         // the userdata `null`
  MD_REF_ARRAY = 7,        // metatable of lists
  MD_REF_STRING = 8,       // table of string functions, behind the metatable of strings
  MD_REF_ENVIRONMENT = 9,  // metatable of environments that still load
  MD_REF_REFUSE = 10,      // __newindex of frozen tables
  MD_REF_LENGTH = 11,      // __len of frozen tables
  MD_REF_FIRST = 16,       // of those given out
};

// Keys of host metatables: addresses, which scripts cannot have.
extern const char md_key_array;     // true: the table is a list
extern const char md_key_original;  // the script's own metatable
extern const char md_key_frozen;    // the table that holds the content
extern const char md_key_name;      // what a frozen table is called
extern const char md_key_text;      // what to say when it is changed
extern const char md_key_guarded;   // setmetatable is refused
extern const char md_key_record;    // light userdata: the shape
extern const char md_key_copy;      // of a frozen metatable: the copy that setmetatable installs

// --- state.c

/// Holds the value at the top of the stack, which it pops. Raises when memory is short.
int32_t md_ref(lua_State *L, md_lua *lua);

// --- memory.c

void *_Nullable md_allocate(void *lua, void *_Nullable block, size_t old_size, size_t new_size);
/// Room for `extra` more bytes of scratch. Raises when there is none.
char *md_scratch(lua_State *L, size_t extra);
void md_scratch_add(lua_State *L, const void *_Nullable bytes, size_t length);
/// Pushes what lies in scratch after `start` as a string and cuts it off.
void md_scratch_push(lua_State *L, size_t start);
/// Grows a buffer; false when there is no memory.
bool md_buffer_reserve(md_buffer *buffer, size_t extra);
bool md_buffer_set(md_buffer *buffer, const void *_Nullable bytes, size_t length);
void md_buffer_free(md_buffer *buffer);

// --- budget.c

void md_begin_budget(md_lua *lua);
void md_end_budget(md_lua *lua);
void md_hook(lua_State *L, lua_Debug *activation);
/// Looks at the budget and the clock; raises when one is used up.
void md_check_budget(lua_State *L, md_lua *lua);
/// Restarts counting with the interval that fits the longest string alive.
void md_restart_count(lua_State *L, md_lua *lua);
int32_t md_interval(const md_lua *lua);
/// Records that a limit was hit, with a traceback, and raises.
_Noreturn void md_raise_fatal(lua_State *L, md_lua *lua, md_lua_status status);
/// Raises again what must reach the host: the call is dead or aborted.
_Noreturn void md_raise_passing(lua_State *L);
/// Notes that a limit was hit: from now on every charge raises.
void md_mark_fatal(md_lua *lua, md_lua_status status);
uint64_t md_clock(void);

/// Charges host work. Raises once the budget is used up, so a dead call cannot go on.
static inline void md_charge(lua_State *L, md_lua *lua, int64_t cost) {
  if (__builtin_expect((lua->budget -= cost) < lua->look_at, 0)) md_check_budget(L, lua);
}

/// Whether an error on its way must not be caught by a script.
static inline bool md_is_passing(const md_lua *lua) { return lua->fatal != MD_LUA_OK || lua->aborting; }

// --- call.c

/// Runs `body` under protection with the host's mode of allocation and leaves `results` of its results. `data` is its
/// only argument. False when it raised: then nothing is left and the message is in `lua`.
bool md_protect(md_lua *lua, lua_CFunction body, void *_Nullable data, int results);
int md_on_error(lua_State *L);
/// Keeps the error value at `index` as the message. May raise when memory is short.
void md_keep_message(lua_State *L, md_lua *lua, int index);
md_lua_outcome md_outcome_of(md_lua *lua, int status);
/// `lua` with a message for an outcome.
md_lua_outcome md_fault(md_lua *lua, md_lua_status status, const char *format, ...);
/// Pushes an item; raises when JSON is wrong or memory is short.
void md_push_item(lua_State *L, md_lua *lua, const md_lua_item *item, const char *_Nullable name);

// --- coroutine.c

/// Puts the running coroutine down: what it is resumed with are the results of the C function that returns this.
int md_yield(lua_State *L);

// --- traceback.c

/// Keeps the frames from `level` on in `lua->traceback`. Never raises.
void md_keep_traceback(lua_State *L, md_lua *lua, int level);

// --- function.c

void md_push_hosted(lua_State *L, int32_t number);
/// Runs host function `number` on the frame's arguments; returns its number of results.
int md_run_hosted(lua_State *L, md_lua *lua, int32_t number);

// --- record.c

void md_push_record(lua_State *L, md_lua *lua, int32_t shape);
/// If the table at `index` is a record, computes all its fields.
void md_force_record(lua_State *L, int index);
/// The same without raising; false with the message in `lua` when a field cannot be computed.
bool md_force_protected(lua_State *L, md_lua *lua, int index);
bool md_is_record(lua_State *L, int index);

// --- sorted.c

/// Pushes the keys and values of the table at `index` (absolute) and adds entries for those whose key is a number or a
/// string, sorted, from `lua->entries[start]` on. `*other` counts the remaining keys. False without room. Never raises.
bool md_sorted_entries(lua_State *L, md_lua *lua, int index, size_t *start, size_t *count, size_t *other);

// --- freeze.c

/// If the table at `index` is frozen, pushes the table that holds its content and returns true.
bool md_push_content(lua_State *L, int index);
/// Raises if the table at `index` is frozen.
void md_check_writable(lua_State *L, int index);
/// Freezes the table at the top of the stack in place. `name` is what it is called, `text` what to say.
void md_freeze_top(lua_State *L, const char *name, const char *text);
/// Whether the host metatable at the top of the stack has a mark; keeps the stack.
bool md_has_mark(lua_State *L, const void *key);
void md_open_privileged(lua_State *L);

// --- JSON

/// Pushes the decoded value. On failure nothing is pushed and the message is returned. Raises when memory is short.
const char *_Nullable md_json_push(lua_State *L, md_lua *lua, const void *_Nullable bytes, size_t length);
void md_json_free(md_lua *lua);
/// Encodes the value at `index` (absolute) at the end of scratch. On failure scratch is as before and the message is in
/// `lua->message`. Never raises.
bool md_json_encode(lua_State *L, md_lua *lua, int index, const char *name, size_t name_length);
/// Pushes the number that `text` is, blanks around it aside: integers exactly, those beyond 64 bits as floats. False
/// when it is no number of JSON or beyond floats. A byte that is not of the number must follow the text.
bool md_push_number(lua_State *L, const char *text, size_t length);
/// Decimal of an integer; shortest decimal that reads back as `number`, at most 32 bytes, always with a point or an
/// exponent.
size_t md_format_integer(int64_t number, char *out);
size_t md_format_double(double number, char *out);
/// Length of the UTF-8 sequence at `bytes`, or 0 if it is not valid.
size_t md_utf8_length(const unsigned char *bytes, size_t available);
void md_mark_array(lua_State *L, int index);
bool md_is_array(lua_State *L, int index);
bool md_is_null(lua_State *L, int index);

// --- Library

void md_open_base(lua_State *L);
void md_open_iteration(lua_State *L);
void md_open_metatables(lua_State *L);
/// The metamethods that scripts may have, null at the end.
extern const char *const _Nullable md_metamethods[];
void md_open_json(lua_State *L);
void md_open_string(lua_State *L);
void md_open_search(lua_State *L);
void md_open_format(lua_State *L);
void md_open_table(lua_State *L);
void md_open_math(lua_State *L);
void md_open_utf8(lua_State *L);
/// Adds functions to the table at the top of the stack.
void md_set_functions(lua_State *L, const luaL_Reg *functions);
/// Pushes text for the value at `index`, without addresses; may call `__tostring`.
const char *md_tostring(lua_State *L, int index, size_t *_Nullable length);
/// What `type` says.
const char *md_type_name(lua_State *L, int index);
int md_setmetatable(lua_State *L);

#pragma clang assume_nonnull end

#ifdef __cplusplus
}
#endif
