// One sandboxed Lua interpreter for Swift. This is the only place where Lua may jump (longjmp): no function declared
// here raises, and no callback into Swift is on the stack when an error is thrown.
//
// One thread at a time may use an interpreter, with at least 2 MiB of stack.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma clang assume_nonnull begin

/// An interpreter with its limits and buffers.
typedef struct md_lua md_lua;

/// What scripts may use. Zero stands for the default in the comment.
typedef struct {
  size_t memory;               ///< bytes in all, 64 MiB
  size_t string;               ///< bytes of one string, 1 MiB
  size_t block;                ///< bytes of one allocation, 16 MiB
  int64_t instructions;        ///< VM instructions and charges for host work per call
  uint64_t nanoseconds;        ///< clock per call, the backstop, 250 ms; up to four times that when the
                               ///< thread did not get its processor
  uint64_t compile_nanoseconds;///< wall clock for compiling one source, 250 ms
  size_t source;               ///< bytes of one source, 128 KiB
} md_lua_limits;

/// How something ended.
typedef enum : int32_t {
  MD_LUA_OK = 0,
  MD_LUA_ERROR = 1,    ///< the script's error
  MD_LUA_SYNTAX = 2,   ///< the source does not compile
  MD_LUA_ABORTED = 3,  ///< a host function ended the call on purpose
  MD_LUA_TIME = 4,     ///< instructions or wall clock used up; the interpreter is dead
  MD_LUA_MEMORY = 5,   ///< memory used up; the interpreter is dead
  MD_LUA_HOST = 6,     ///< not the script's fault
  MD_LUA_WAITS = 7,    ///< a host function has put the coroutine down
} md_lua_status;

/// What an item or a slot holds.
typedef enum : int32_t {
  MD_LUA_NIL = 0,
  MD_LUA_BOOLEAN = 1,
  MD_LUA_INTEGER = 2,
  MD_LUA_NUMBER = 3,
  MD_LUA_STRING = 4,
  MD_LUA_NULL = 5,      ///< the `null` of JSON
  MD_LUA_TABLE = 6,     ///< slots only
  MD_LUA_FUNCTION = 7,  ///< slots only
  MD_LUA_OTHER = 8,     ///< slots only
  MD_LUA_JSON = 9,      ///< items only: bytes, decoded when pushed
  MD_LUA_REF = 10,      ///< items only: a value held in the registry
  MD_LUA_RECORD = 11,   ///< items only: a lazy record, by the number of its shape
  MD_LUA_HOSTED = 12,   ///< record fields only: a host function computes it, by its number
} md_lua_kind;

/// A value on its way into Lua: an argument, a record's field, a result.
typedef struct {
  md_lua_kind kind;
  int32_t id;      ///< ref, shape or host function
  size_t length;   ///< of bytes
  union {
    const void *_Nullable bytes;
    int64_t integer;
    double number;
  } payload;
} md_lua_item;

/// Text owned by the interpreter, valid until its next use.
typedef struct {
  const char *_Nullable bytes;
  size_t length;
} md_lua_text;

typedef struct {
  md_lua_status status;
  int32_t kind;          ///< of an abort
  int32_t first;         ///< slot of the first result
  int32_t count;         ///< number of results
  md_lua_text message;
  md_lua_text traceback;
} md_lua_outcome;

/// The registry number of the table of words that all environments see, and of the privileged functions for preludes.
enum { MD_LUA_WORDS = 4, MD_LUA_PRIVILEGED = 5 };

// --- life (state.c)

/// Nil when there is no memory for it.
md_lua *_Nullable md_lua_new(const md_lua_limits *limits);
void md_lua_free(md_lua *lua);
/// Whether a limit was hit: every later call is refused and the interpreter must be thrown away.
bool md_lua_is_dead(const md_lua *lua);
/// Bytes held now, and by how many slots the stack is higher than at the beginning.
size_t md_lua_memory(const md_lua *lua);
int32_t md_lua_height(const md_lua *lua);
/// Collects all garbage.
void md_lua_collect(md_lua *lua);
/// What is left of the current or last call's instructions; negative when used up.
int64_t md_lua_budget(const md_lua *lua);
/// Refuses the n-th allocation of script code from now on, and all later ones, until the call ends; 0 switches it off.
void md_lua_refuse_allocation(md_lua *lua, int64_t n);
/// Wall clock and instructions for the calls that follow; zero keeps what was.
void md_lua_set_budget(md_lua *lua, int64_t instructions, uint64_t nanoseconds);
/// While a host function does work that is not the script's, the clock of the call under way stands still.
void md_lua_stop_clock(md_lua *lua);
void md_lua_continue_clock(md_lua *lua);
/// Whether it was the clock that ended a call, not a count of what the call did.
bool md_lua_ran_out_of_clock(const md_lua *lua);
/// Seeds `math.random` and `md_lua_random` for the calls that follow.
void md_lua_seed(md_lua *lua, uint64_t high, uint64_t low);
/// The next 64 random bits of the current seed.
uint64_t md_lua_random(md_lua *lua);

// --- code (load.c, call.c)

/// Compiles UTF-8 text into a function whose globals are the table `environment`. `name` appears in positions. Code
/// of the host (`trusted`) is neither frozen nor searched for assignments. On success the function's registry number
/// is in `ref`.
md_lua_outcome md_lua_load(
  md_lua *lua, const void *_Nullable source, size_t length, const char *name, int32_t environment, bool trusted,
  int32_t *ref);

/// Calls a function. Results stay in slots until `md_lua_pop_to(first)`.
md_lua_outcome md_lua_call(md_lua *lua, int32_t function, const md_lua_item *_Nullable arguments, int32_t count);

// --- coroutines (coroutine.c)

/// A coroutine that will call a function; its registry number, or -1 when there is no memory.
int32_t md_lua_new_coroutine(md_lua *lua, int32_t function);
/// Lets a coroutine begin, with the arguments of its function, or go on with what the host function returns that has put
/// it down. Each time it has a whole budget. `MD_LUA_WAITS`: it can be resumed again. Otherwise it has ended as a call ends
/// and can only be closed; at most eight results are kept. Not inside of a call.
md_lua_outcome md_lua_resume(
  md_lua *lua, int32_t coroutine, const md_lua_item *_Nullable items, int32_t count);
/// Gives up a coroutine, wherever it is, and its number. What it held is garbage.
void md_lua_close_coroutine(md_lua *lua, int32_t coroutine);
/// Whether the host function under way may return `MD_LUA_WAITS`: it runs in a coroutine, and no function of the library
/// that cannot be put down has called the script that called it.
bool md_lua_can_yield(const md_lua *lua);

// --- host functions (function.c)

enum { MD_LUA_MAXIMUM_RESULTS = 8 };

/// One call of a host function. Arguments are the slots 1 … `arguments`.
typedef struct {
  md_lua *lua;
  int32_t arguments;
  int32_t results;
  md_lua_item result[MD_LUA_MAXIMUM_RESULTS];
} md_lua_frame;

/// Returns `MD_LUA_OK`, or `MD_LUA_ERROR` or `MD_LUA_ABORTED` after `md_lua_fail`, or `MD_LUA_WAITS` to put the coroutine
/// down: what it is resumed with are then its results.
typedef md_lua_status (*md_lua_function)(void *context, md_lua_frame *frame);

/// Puts a host function into a table under a name, unless `name` is null; its number (for `MD_LUA_HOSTED`), or -1.
/// Each call is charged `cost` instructions.
int32_t md_lua_register(
  md_lua *lua, int32_t table, const char *_Nullable name, md_lua_function function, void *context, int32_t cost);
/// Keeps a message for the status that the function returns next. `kind` is for aborts; `position` asks for the
/// prefix `file:line:` of the caller.
void md_lua_fail(md_lua *lua, const void *_Nullable message, size_t length, int32_t kind, bool position);
/// Adds bytes as a result (a copy is made).
void md_lua_return_bytes(md_lua_frame *frame, md_lua_kind kind, const void *_Nullable bytes, size_t length);

// --- values (value.c)

md_lua_kind md_lua_slot_kind(md_lua *lua, int32_t slot);
bool md_lua_slot_boolean(md_lua *lua, int32_t slot);
int64_t md_lua_slot_integer(md_lua *lua, int32_t slot);
double md_lua_slot_number(md_lua *lua, int32_t slot);
/// The bytes of a string; empty for everything else. Valid while the slot holds it.
md_lua_text md_lua_slot_string(md_lua *lua, int32_t slot);
/// Raw count of a list, without holes.
int64_t md_lua_slot_length(md_lua *lua, int32_t slot);
/// Whether a table is marked as a list (`array{}`, or from JSON).
bool md_lua_slot_is_array(md_lua *lua, int32_t slot);
/// An address that tells tables and functions apart.
const void *_Nullable md_lua_slot_identity(md_lua *lua, int32_t slot);
/// Where a function was defined. Line -1 for host functions.
md_lua_text md_lua_slot_source(md_lua *lua, int32_t slot, int32_t *line);
/// Holds the slot's value in the registry; -1 when there is no memory.
int32_t md_lua_slot_ref(md_lua *lua, int32_t slot);
/// Pushes the raw field of a table slot; the new slot (which may hold nil).
int32_t md_lua_push_field(md_lua *lua, int32_t slot, const void *name, size_t length);
/// Pushes the raw element of a table slot.
int32_t md_lua_push_element(md_lua *lua, int32_t slot, int64_t index);
/// Pushes a held value.
int32_t md_lua_push_ref(md_lua *lua, int32_t ref);
/// Removes `slot` and everything above it.
void md_lua_pop_to(md_lua *lua, int32_t slot);
/// Gives a registry number back.
void md_lua_release(md_lua *lua, int32_t ref);
/// Visits the entries of a table raw, in the fixed order (numbers, then strings by bytes), with their slots. Entries
/// whose key is neither are skipped. Stops when the visitor returns false. False if there was no room.
bool md_lua_each(
  md_lua *lua, int32_t slot, void *context, bool (*visit)(void *context, int32_t key, int32_t value));
/// A new empty table in the registry, with the mark of lists if `array`; -1 when there is no memory.
int32_t md_lua_new_table(md_lua *lua, bool array);
/// Raw assignment. False when there is no memory or JSON is wrong.
bool md_lua_set_field(md_lua *lua, int32_t table, const void *name, size_t length, md_lua_item item);
/// Holds any item; -1 when there is no memory or JSON is wrong.
int32_t md_lua_hold(md_lua *lua, md_lua_item item);

// --- JSON (JSON/)

/// Encodes a slot: raw access, fixed order of keys, the limits of the sandbox. `name` begins the path in messages. On
/// failure the message is in the outcome. The bytes are valid until the next use of the interpreter.
md_lua_outcome md_lua_encode(
  md_lua *lua, int32_t slot, const char *name, size_t name_length, md_lua_text *bytes);

// --- records (record.c)

/// Registers a shape: names of fields that are computed when first touched. At most 32 fields of at most 40 bytes and
/// 16 shapes; -1 when there is no memory or no room.
int32_t md_lua_register_shape(md_lua *lua, const md_lua_text *names, int32_t count);
/// The fields to fill in before a call; the bytes they point to must live until it ends.
md_lua_item *_Nullable md_lua_shape_fields(md_lua *lua, int32_t shape);

// --- environments (environment.c, freeze.c, assignments.c)

/// A new table for a file's globals, which sees the words; -1 when there is no memory.
int32_t md_lua_new_environment(md_lua *lua);
/// Makes every table among the words read-only. No word can be added afterwards.
md_lua_outcome md_lua_seal_words(md_lua *lua);
/// Texts for scripts that change what is read-only, with one "%s" for the name: of a table that belongs to a file; of
/// a global.
void md_lua_set_messages(md_lua *lua, const char *table_message, const char *global_message);
/// From now on assigning a global of this environment is an error.
md_lua_outcome md_lua_freeze_environment(md_lua *lua, int32_t environment);
/// Makes every table that a held value can reach read-only. `name` names the value itself.
md_lua_outcome md_lua_freeze(md_lua *lua, int32_t ref, const char *name);

typedef struct {
  md_lua_text name;   ///< of the local
  md_lua_text source; ///< chunk name without its first character
  int32_t line;       ///< of the assignment; 0 if unknown
} md_lua_assignment;

/// Visits each assignment, in a function or one that it reaches, of a local that outlives the call.
md_lua_outcome md_lua_each_assignment(
  md_lua *lua, int32_t function, void *context, void (*visit)(void *context, const md_lua_assignment *assignment));

#pragma clang assume_nonnull end

#ifdef __cplusplus
}
#endif
