// Assignments of locals that outlive a call, found in compiled code: what a handler keeps in them would be lost.
//
// The code is read from lua_dump in the layout of Lua 5.4. It is Lua's own business, so another layout is not looked
// into: then nothing is found, and such a handler only misbehaves instead of being refused.
#include "reach.h"

#include <stdlib.h>
#include <string.h>

typedef struct {
  char name[64], source[256];
  int32_t line;
} found_assignment;

typedef struct {
  found_assignment *_Nullable items;
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

// Where a function's assignments stand and what they assign.
typedef struct {
  const unsigned char *code;
  size_t count;
  size_t upvalues;
  int16_t outer[255];  // the upvalue of the outermost function that each one is, or -1
  int first_line;
} code_body;

enum {
  OP_SETUPVAL = 10, CODE_HEADER = 31, MAXIMUM_UPVALUES = 255, MAXIMUM_NESTING = 200, ABSOLUTE_LINE = -0x80,
  CONSTANT_NUMBER = 0x13, CONSTANT_INTEGER = 0x03, CONSTANT_SHORT = 0x04, CONSTANT_LONG = 0x14,
  CONSTANT_NIL = 0x00, CONSTANT_FALSE = 0x01, CONSTANT_TRUE = 0x11,
};

// --- reading

static int write_code(lua_State *L, const void *bytes, size_t length, void *buffer) {
  (void)L;
  md_buffer *code = buffer;
  if (length == 0) return 0;
  if (!md_buffer_reserve(code, length)) return 1;
  memcpy(code->bytes + code->length, bytes, length);
  code->length += length;
  return 0;
}

static void skip(code_reader *reader, size_t count) {
  if ((size_t)(reader->end - reader->at) < count) {
    reader->failed = true;
    reader->at = reader->end;
  } else {
    reader->at += count;
  }
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
      case CONSTANT_NIL: case CONSTANT_FALSE: case CONSTANT_TRUE: break;
      default: reader->failed = true;
    }
  }
}

// --- one function

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

static void read_upvalues(code_reader *reader, code_body *body, const code_body *_Nullable parent) {
  body->upvalues = read_size(reader);
  if (body->upvalues > MAXIMUM_UPVALUES) reader->failed = true;
  for (size_t i = 0; i < body->upvalues && !reader->failed; i++) {
    bool in_stack = read_byte(reader) != 0;
    unsigned index = read_byte(reader);
    read_byte(reader);
    if (!parent) body->outer[i] = (int16_t)i;
    else body->outer[i] = in_stack || index >= parent->upvalues ? -1 : parent->outer[index];
  }
}

static void find_in(code_reader *reader, const code_body *body, size_t pc, int line) {
  uint32_t instruction;
  memcpy(&instruction, body->code + pc * 4, 4);
  unsigned target = instruction >> 16 & 0xFF;
  if ((instruction & 0x7F) != OP_SETUPVAL || target >= body->upvalues || body->outer[target] < 0) return;
  add_assignment(reader, body->outer[target], line);
}

// Lines are differences from instruction to instruction, with an absolute one here and there in a list of its own.
static void read_lines(code_reader *reader, const code_body *body) {
  size_t line_count = read_size(reader);
  const signed char *deltas = (const signed char *)reader->at;
  skip(reader, line_count);
  size_t fixed_count = read_size(reader);
  size_t fixed_pc = fixed_count > 0 ? read_size(reader) : 0, fixed_line = fixed_count > 0 ? read_size(reader) : 0;
  int line = body->first_line;
  for (size_t pc = 0; pc < body->count && !reader->failed; pc++) {
    if (pc < line_count && deltas[pc] != ABSOLUTE_LINE) {
      line += deltas[pc];
    } else if (fixed_count > 0 && pc == fixed_pc) {
      line = (int)fixed_line;
      if (--fixed_count > 0) {
        fixed_pc = read_size(reader);
        fixed_line = read_size(reader);
      }
    }
    find_in(reader, body, pc, line_count ? line : 0);
  }
  for (; fixed_count > 1 && !reader->failed; fixed_count--) {
    read_size(reader);
    read_size(reader);
  }
}

static void read_function(code_reader *reader, const code_body *_Nullable parent, int depth) {
  if (depth > MAXIMUM_NESTING) reader->failed = true;
  code_body body;
  skip_text(reader);
  body.first_line = (int)read_size(reader);
  read_size(reader);
  skip(reader, 3);
  body.count = read_size(reader);
  body.code = reader->at;
  if (body.count > (1u << 24)) reader->failed = true;
  if (reader->failed) return;
  skip(reader, body.count * 4);
  skip_constants(reader);
  read_upvalues(reader, &body, parent);
  for (size_t count = read_size(reader); count > 0 && !reader->failed; count--) read_function(reader, &body, depth + 1);
  if (reader->failed) return;
  read_lines(reader, &body);
  for (size_t count = read_size(reader); count > 0 && !reader->failed; count--) {
    skip_text(reader);
    read_size(reader);
    read_size(reader);
  }
  for (size_t count = read_size(reader); count > 0 && !reader->failed; count--) skip_text(reader);
}

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
  if (reader.failed || reader.at != reader.end) list->count = before;
}

md_lua_outcome md_lua_each_assignment(
  md_lua *lua, int32_t function, void *context,
  void (*visit)(void *context, const md_lua_assignment *assignment)
) {
  assignment_list list = {0};
  md_reach request = {.lua = lua, .ref = function, .name = "", .visit = find_assignments, .context = &list};
  bool done = md_protect(lua, md_walk, &request, 0);
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
