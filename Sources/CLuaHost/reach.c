// What a function can reach: the locals and globals that belong to its file, through tables and other functions. All of
// it is frozen once the file is loaded, and assignments to such locals are found in the compiled code.
#include "host.h"

#include <stdlib.h>
#include <string.h>

typedef struct {
  md_lua *lua;
  int32_t ref;
  const char *name;
  // For each function that is reached, when assignments are looked for.
  void (*_Nullable visit)(lua_State *L, int index, void *context);
  void *context;
} reach_request;

// The walk keeps its work in Lua tables: 2 is what was seen, 3 and 4 are values and their names still to be visited.
enum { SEEN = 2, VALUES = 3, NAMES = 4 };

// Pops a value and notes it for a visit, unless it was seen or cannot hold anything.
static void note(lua_State *L, const char *name) {
  int type = lua_type(L, -1);
  bool holds = type == LUA_TTABLE || (type == LUA_TFUNCTION && !lua_iscfunction(L, -1));
  if (!holds || lua_rawgetp(L, SEEN, lua_topointer(L, -1)) != LUA_TNIL) {
    lua_pop(L, holds ? 2 : 1);
    return;
  }
  lua_pop(L, 1);
  lua_pushboolean(L, 1);
  lua_rawsetp(L, SEEN, lua_topointer(L, -2));
  lua_Integer next = (lua_Integer)lua_rawlen(L, VALUES) + 1;
  lua_rawseti(L, VALUES, next);
  lua_pushstring(L, name);
  lua_rawseti(L, NAMES, next);
}

static void visit_function(lua_State *L, reach_request *request, int index) {
  if (request->visit) request->visit(L, index, request->context);
  for (int i = 1;; i++) {
    const char *name = lua_getupvalue(L, index, i);
    if (!name) return;
    note(L, *name ? name : "a local");
  }
}

// The metamethods of a table, and the metatable that its script knows.
static void note_metatable(lua_State *L, int index, const char *name) {
  if (!lua_getmetatable(L, index)) return;
  int metatable = lua_gettop(L);
  lua_rawgetp(L, metatable, &md_key_original);
  note(L, name);
  lua_pushnil(L);
  while (lua_next(L, metatable)) {                           // … key value
    if (lua_type(L, -2) == LUA_TSTRING) note(L, name);
    else lua_pop(L, 1);
  }
  lua_settop(L, metatable - 1);
}

static void visit_table(lua_State *L, reach_request *request, int index, const char *name) {
  bool guarded = false;
  if (lua_getmetatable(L, index)) {
    guarded = md_has_mark(L, &md_key_guarded);
    lua_pop(L, 1);
  }
  note_metatable(L, index, name);
  if (!guarded && !request->visit && !md_push_content(L, index)) {
    lua_pushvalue(L, index);
    md_freeze_top(L, name, request->lua->table_message);
    lua_pop(L, 1);
  }
  lua_settop(L, index);
  if (!md_push_content(L, index)) lua_pushvalue(L, index);
  int content = lua_gettop(L);
  lua_pushnil(L);
  while (lua_next(L, content)) {                             // … key value
    note(L, name);
    lua_pushvalue(L, -1);
    note(L, name);
  }
  lua_settop(L, index);
}

static int walk(lua_State *L) {                              // request
  reach_request *request = lua_touserdata(L, 1);
  lua_newtable(L);
  lua_newtable(L);
  lua_newtable(L);                                           // request seen values names
  // The words are everybody's and sealed already.
  lua_rawgeti(L, LUA_REGISTRYINDEX, MD_LUA_WORDS);
  lua_pushboolean(L, 1);
  lua_rawsetp(L, SEEN, lua_topointer(L, -2));
  lua_settop(L, NAMES);
  lua_rawgeti(L, LUA_REGISTRYINDEX, request->ref);
  note(L, request->name);
  for (lua_Integer count; (count = (lua_Integer)lua_rawlen(L, VALUES)) > 0;) {
    lua_rawgeti(L, NAMES, count);
    lua_rawgeti(L, VALUES, count);                           // … name value
    lua_pushnil(L);
    lua_rawseti(L, VALUES, count);
    lua_pushnil(L);
    lua_rawseti(L, NAMES, count);
    luaL_checkstack(L, 20, NULL);
    int index = lua_gettop(L);
    if (lua_type(L, index) == LUA_TFUNCTION) visit_function(L, request, index);
    else visit_table(L, request, index, lua_tostring(L, index - 1));
    lua_settop(L, NAMES);
  }
  return 0;
}

md_lua_outcome md_lua_freeze(md_lua *lua, int32_t ref, const char *name) {
  reach_request request = {.lua = lua, .ref = ref, .name = name};
  if (!md_protect(lua, walk, &request, 0)) return md_outcome_of(lua, LUA_ERRRUN);
  return (md_lua_outcome){.status = MD_LUA_OK};
}

// --- assignments

typedef struct {
  char name[64], source[256];
  int32_t line;
} found_assignment;

typedef struct {
  found_assignment *items;
  size_t count, capacity;
  md_buffer code;
} assignment_list;

typedef struct {
  lua_State *L;
  int function;
  const unsigned char *at, *end;
  bool failed;
  assignment_list *list;
  const char *source;
} code_reader;

enum {
  OP_SETUPVAL = 10, CODE_HEADER = 31, MAXIMUM_UPVALUES = 255,
  CONSTANT_NUMBER = 0x13, CONSTANT_INTEGER = 0x03, CONSTANT_SHORT = 0x04, CONSTANT_LONG = 0x14,
};

static int write_code(lua_State *L, const void *bytes, size_t length, void *buffer) {
  (void)L;
  md_buffer *code = buffer;
  if (!md_buffer_reserve(code, length)) return 1;
  memcpy(code->bytes + code->length, bytes, length);
  code->length += length;
  return 0;
}

static void skip(code_reader *reader, size_t count) {
  if ((size_t)(reader->end - reader->at) < count) reader->failed = true;
  else reader->at += count;
}

static unsigned read_byte(code_reader *reader) {
  if (reader->at >= reader->end) {
    reader->failed = true;
    return 0;
  }
  return *reader->at++;
}

static size_t read_size(code_reader *reader) {
  size_t value = 0;
  for (int i = 0; i < 10; i++) {
    unsigned byte = read_byte(reader);
    value = value << 7 | (byte & 0x7F);
    if (byte & 0x80) return value;
  }
  reader->failed = true;
  return 0;
}

static void skip_text(code_reader *reader) {
  size_t size = read_size(reader);
  if (size > 0) skip(reader, size - 1);
}

static void skip_constants(code_reader *reader) {
  for (size_t count = read_size(reader); count > 0 && !reader->failed; count--) {
    switch (read_byte(reader)) {
      case CONSTANT_NUMBER: case CONSTANT_INTEGER: skip(reader, 8); break;
      case CONSTANT_SHORT: case CONSTANT_LONG: skip_text(reader); break;
      case 0x00: case 0x01: case 0x11: break;
      default: reader->failed = true;
    }
  }
}

static void add_assignment(code_reader *reader, int upvalue, int line) {
  assignment_list *list = reader->list;
  if (list->count == list->capacity) {
    size_t capacity = list->capacity * 2 + 8;
    found_assignment *items = realloc(list->items, capacity * sizeof *items);
    if (!items) return;
    list->items = items;
    list->capacity = capacity;
  }
  found_assignment *item = &list->items[list->count++];
  const char *name = lua_getupvalue(reader->L, reader->function, upvalue + 1);
  memset(item, 0, sizeof *item);
  strncpy(item->name, name ? name : "?", sizeof item->name - 1);
  if (name) lua_pop(reader->L, 1);
  strncpy(item->source, reader->source, sizeof item->source - 1);
  item->line = line;
}

// `outer[i]` is the upvalue of the function asked about that upvalue i of this one's parent is, or -1.
static void read_function(code_reader *reader, const int16_t *outer, int depth) {
  if (depth > 200) reader->failed = true;
  skip_text(reader);
  int line = (int)read_size(reader);
  read_size(reader);
  skip(reader, 3);
  size_t code_count = read_size(reader);
  const unsigned char *code = reader->at;
  if (code_count > (1u << 24)) reader->failed = true;
  if (reader->failed) return;
  skip(reader, code_count * 4);
  skip_constants(reader);
  size_t upvalue_count = read_size(reader);
  if (reader->failed || upvalue_count > MAXIMUM_UPVALUES) {
    reader->failed = true;
    return;
  }
  int16_t mine[MAXIMUM_UPVALUES];
  for (size_t i = 0; i < upvalue_count; i++) {
    bool in_stack = read_byte(reader) != 0;
    unsigned index = read_byte(reader);
    read_byte(reader);
    mine[i] = depth == 0 ? (int16_t)i : in_stack ? -1 : outer[index];
  }
  for (size_t count = read_size(reader); count > 0 && !reader->failed; count--) read_function(reader, mine, depth + 1);
  size_t line_count = read_size(reader);
  const signed char *deltas = (const signed char *)reader->at;
  skip(reader, line_count);
  size_t fixed_count = read_size(reader);
  size_t next_pc = fixed_count > 0 ? read_size(reader) : 0, next_line = fixed_count > 0 ? read_size(reader) : 0;
  for (size_t pc = 0; pc < code_count && !reader->failed; pc++) {
    if (pc < line_count) {
      if (deltas[pc] == -0x80 && fixed_count > 0 && pc == next_pc) {
        line = (int)next_line;
        if (--fixed_count > 0) {
          next_pc = read_size(reader);
          next_line = read_size(reader);
        }
      } else {
        line += deltas[pc];
      }
    }
    uint32_t instruction;
    memcpy(&instruction, code + pc * 4, 4);
    unsigned target = instruction >> 16 & 0xFF;
    if ((instruction & 0x7F) == OP_SETUPVAL && target < upvalue_count && mine[target] >= 0) {
      add_assignment(reader, mine[target], pc < line_count ? line : 0);
    }
  }
  while (fixed_count-- > 1 && !reader->failed) {
    read_size(reader);
    read_size(reader);
  }
  for (size_t count = read_size(reader); count > 0 && !reader->failed; count--) {
    skip_text(reader);
    read_size(reader);
    read_size(reader);
  }
  for (size_t count = read_size(reader); count > 0 && !reader->failed; count--) skip_text(reader);
}

// The layout of compiled code is Lua's own business; another one than 5.4's is not looked into.
static bool is_known_layout(const md_buffer *code) {
  static const unsigned char signature[] = {0x1B, 'L', 'u', 'a', 0x54, 0, 0x19, 0x93, '\r', '\n', 0x1A, '\n', 4, 8, 8};
  return code->length > CODE_HEADER + 1 && memcmp(code->bytes, signature, sizeof signature) == 0;
}

static void find_assignments(lua_State *L, int index, void *context) {
  assignment_list *list = context;
  list->code.length = 0;
  lua_pushvalue(L, index);
  int failed = lua_dump(L, write_code, &list->code, 0);
  lua_Debug about;
  lua_getinfo(L, ">S", &about);
  if (failed || !is_known_layout(&list->code)) return;
  const unsigned char *bytes = (const unsigned char *)list->code.bytes;
  code_reader reader = {
    .L = L, .function = index, .at = bytes + CODE_HEADER + 1, .end = bytes + list->code.length, .list = list,
    .source = about.source[0] ? about.source + 1 : ""};
  size_t before = list->count;
  read_function(&reader, NULL, 0);
  if (reader.failed) list->count = before;
}

md_lua_outcome md_lua_each_assignment(
  md_lua *lua, int32_t function, void *context,
  void (*visit)(void *context, const md_lua_assignment *assignment)) {
  assignment_list list = {0};
  reach_request request = {.lua = lua, .ref = function, .name = "", .visit = find_assignments, .context = &list};
  bool done = md_protect(lua, walk, &request, 0);
  for (size_t i = 0; done && i < list.count; i++) {
    const found_assignment *item = &list.items[i];
    md_lua_assignment assignment = {
      .name = {item->name, strlen(item->name)}, .source = {item->source, strlen(item->source)}, .line = item->line};
    visit(context, &assignment);
  }
  free(list.items);
  md_buffer_free(&list.code);
  return done ? (md_lua_outcome){.status = MD_LUA_OK} : md_outcome_of(lua, LUA_ERRRUN);
}
