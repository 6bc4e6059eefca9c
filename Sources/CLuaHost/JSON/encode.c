// Lua values to JSON: raw access, fixed order of keys, bounded depth, nodes and bytes. It runs below Swift frames, so
// it never raises: it collects what is wrong in the interpreter's message.
#include "../host.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

// Where the encoder is, for messages: data.items[3].price
typedef struct path {
  const struct path *parent;
  const char *bytes;  // null: an element
  size_t length;
  lua_Integer index;
  const void *table;  // whose field or element this is
} path;

typedef struct {
  lua_State *L;
  md_lua *lua;
  size_t start;
  int nodes;
} encoder;

static bool encode_value(encoder *self, int index, const path *where, int depth);

// --- messages

static size_t write_path(const path *where, char *out, size_t room) {
  size_t length = where->parent ? write_path(where->parent, out, room) : 0;
  size_t left = room - length;
  int added;
  if (!where->bytes) {
    added = snprintf(out + length, left, "[%lld]", (long long)where->index);
  } else {
    int shown = (int)(where->length < 64 ? where->length : 64);
    added = snprintf(out + length, left, "%s%.*s", where->parent ? "." : "", shown, where->bytes);
  }
  if (added < 0) return length;
  return length + ((size_t)added < left ? (size_t)added : left - 1);
}

static bool refuse(encoder *self, const path *where, const char *format, ...) {
  char text[1024];
  size_t length = write_path(where, text, 768);
  va_list values;
  va_start(values, format);
  int added = vsnprintf(text + length, sizeof text - length, format, values);
  va_end(values);
  if (added > 0) length += (size_t)added < sizeof text - length ? (size_t)added : sizeof text - length - 1;
  md_buffer_set(&self->lua->message, text, length);
  return false;
}

// --- bytes

static char *reserve(encoder *self, size_t extra, const path *where) {
  md_buffer *out = &self->lua->scratch;
  if (out->length - self->start + extra > self->lua->limits.string + 64) {
    refuse(self, where, ": the JSON would be larger than %zu bytes", self->lua->limits.string);
    return NULL;
  }
  size_t before = out->capacity;
  if (extra > out->capacity - out->length && !md_buffer_reserve(out, extra)) {
    refuse(self, where, ": there is no memory for the JSON");
    return NULL;
  }
  self->lua->used += out->capacity - before;
  return out->bytes + out->length;
}

static bool add(encoder *self, const char *bytes, size_t length, const path *where) {
  char *out = reserve(self, length, where);
  if (!out) return false;
  memcpy(out, bytes, length);
  self->lua->scratch.length += length;
  return true;
}

static bool put(encoder *self, char byte, const path *where) {
  md_buffer *out = &self->lua->scratch;
  if (out->length == out->capacity && !reserve(self, 1, where)) return false;
  out->bytes[out->length++] = byte;
  return true;
}

static char *escape(unsigned char byte, char *out) {
  static const char digits[] = "0123456789abcdef", named[] = "\"\"\\\\\nn\rr\tt\bb\ff";
  *out++ = '\\';
  for (const char *pair = named; *pair; pair += 2) {
    if ((unsigned char)*pair != byte) continue;
    *out++ = pair[1];
    return out;
  }
  memcpy(out, "u00", 3);
  out[3] = digits[byte >> 4];
  out[4] = digits[byte & 15];
  return out + 5;
}

// Bytes that stand for themselves: all of ASCII but controls, the quote and the backslash.
static bool is_plain(unsigned char byte) { return byte >= 0x20 && byte < 0x80 && byte != '"' && byte != '\\'; }

static bool encode_string(encoder *self, const char *text, size_t length, const path *where) {
  const unsigned char *at = (const unsigned char *)text, *end = at + length;
  char *out = reserve(self, length + 2, where);
  if (!out) return false;
  *out++ = '"';
  while (at < end) {
    if (is_plain(*at)) {
      *out++ = (char)*at++;
    } else if (*at >= 0x80) {
      size_t step = md_utf8_length(at, (size_t)(end - at));
      if (step == 0) return refuse(self, where, " is not UTF-8 text");
      memcpy(out, at, step);
      out += step;
      at += step;
    } else {  // grows: six bytes for this one, and as many as before for the rest
      self->lua->scratch.length = (size_t)(out - self->lua->scratch.bytes);
      out = reserve(self, (size_t)(end - at) + 8, where);
      if (!out) return false;
      out = escape(*at++, out);
    }
  }
  *out++ = '"';
  self->lua->scratch.length = (size_t)(out - self->lua->scratch.bytes);
  return true;
}

static bool encode_number(encoder *self, int index, const path *where) {
  char *out = reserve(self, 40, where);
  if (!out) return false;
  if (lua_isinteger(self->L, index)) {
    self->lua->scratch.length += md_format_integer(lua_tointeger(self->L, index), out);
    return true;
  }
  double number = lua_tonumber(self->L, index);
  if (isnan(number)) return refuse(self, where, " is not a number (0/0)");
  if (isinf(number)) return refuse(self, where, " is infinite");
  self->lua->scratch.length += md_format_double(number, out);
  return true;
}

// --- tables

static bool encode_list(encoder *self, int index, lua_Integer count, const path *where, int depth) {
  lua_State *L = self->L;
  if (!put(self, '[', where)) return false;
  for (lua_Integer i = 1; i <= count; i++) {
    path element = {where, NULL, 0, i, lua_topointer(L, index)};
    if (i > 1 && !put(self, ',', where)) return false;
    lua_rawgeti(L, index, i);
    if (lua_isnil(L, -1)) return refuse(self, &element, " is a hole: write null");
    if (!encode_value(self, lua_gettop(L), &element, depth)) return false;
    lua_pop(L, 1);
  }
  return put(self, ']', where);
}

static bool encode_fields(encoder *self, int index, size_t first, size_t count, const path *where, int depth) {
  if (!put(self, '{', where)) return false;
  for (size_t i = first; i < first + count; i++) {
    const md_entry entry = self->lua->entries[i];  // a copy: the array may move
    path field = {where, entry.bytes, entry.length, 0, lua_topointer(self->L, index)};
    if (i > first && !put(self, ',', where)) return false;
    if (!encode_string(self, entry.bytes, entry.length, &field)) return false;
    if (!put(self, ':', where)) return false;
    if (!encode_value(self, entry.slot + 1, &field, depth)) return false;
  }
  return put(self, '}', where);
}

static bool refuse_keys(encoder *self, const path *where, size_t first, size_t count, size_t other) {
  const md_entry *entries = self->lua->entries + first;
  if (other) return refuse(self, where, " has a key that is neither text nor a number");
  if (entries[count - 1].bytes) {
    return refuse(self, where, " has numbers and names as keys: it must be a list or an object");
  }
  if (!entries[0].is_integer || entries[0].integer < 1) {
    return refuse(self, where, " has the key %.14g: the elements of a list are 1, 2, 3 …", entries[0].number);
  }
  lua_Integer expected = 1;
  while ((size_t)expected <= count && entries[expected - 1].integer == expected) expected++;
  path hole = {where, NULL, 0, expected, NULL};
  return refuse(self, &hole, " is a hole: write null");
}

static bool encode_entries(encoder *self, int index, bool is_array, const path *where, int depth) {
  lua_State *L = self->L;
  md_lua *lua = self->lua;
  size_t first, count, other;
  if (!md_sorted_entries(L, lua, index, &first, &count, &other)) return refuse(self, where, " has too many fields");
  const char *first_name = count ? lua->entries[first].bytes : NULL;
  bool done;
  if (count == 0 && other == 0) done = add(self, is_array ? "[]" : "{}", 2, where);
  else if (other || !first_name) done = refuse_keys(self, where, first, count, other);
  else if (is_array) done = refuse(self, where, " is a list and cannot have the field \"%.64s\"", first_name);
  else done = encode_fields(self, index, first, count, where, depth);
  lua->entry_count = first;
  return done;
}

// Whether the raw length counts every entry: then the table is a list without holes and needs no sorting.
static bool is_list(lua_State *L, int index, lua_Integer length) {
  if (length == 0) return false;
  lua_Integer count = 0;
  lua_pushnil(L);
  while (lua_next(L, index)) {
    bool element = lua_isinteger(L, -2) && lua_tointeger(L, -2) >= 1 && lua_tointeger(L, -2) <= length;
    lua_pop(L, 1);
    if (element) {
      count++;
      continue;
    }
    lua_pop(L, 1);
    return false;
  }
  return count == length;
}

static bool encode_table(encoder *self, int index, const path *where, int depth) {
  lua_State *L = self->L;
  if (depth == MD_MAXIMUM_DEPTH) return refuse(self, where, " is nested deeper than %d", MD_MAXIMUM_DEPTH);
  if (!lua_checkstack(L, 12)) return refuse(self, where, " is too large");
  int top = lua_gettop(L);
  bool is_array = false;
  int content = index;
  if (lua_getmetatable(L, index)) {
    lua_pop(L, 1);
    if (md_is_record(L, index) && !md_force_protected(L, self->lua, index)) return false;
    is_array = md_is_array(L, index);
    if (md_push_content(L, index)) content = lua_gettop(L);
  }
  const void *table = lua_topointer(L, content);
  for (const path *above = where; above; above = above->parent) {
    if (above->table == table) return refuse(self, where, " contains itself");
  }
  lua_Integer length = (lua_Integer)lua_rawlen(L, content);
  bool done = is_list(L, content, length)
    ? encode_list(self, content, length, where, depth + 1)
    : encode_entries(self, content, is_array, where, depth + 1);
  lua_settop(L, top);
  return done;
}

static bool encode_value(encoder *self, int index, const path *where, int depth) {
  lua_State *L = self->L;
  if (++self->nodes > MD_MAXIMUM_NODES) return refuse(self, where, ": more than %d values", MD_MAXIMUM_NODES);
  switch (lua_type(L, index)) {
    case LUA_TNIL: return add(self, "null", 4, where);
    case LUA_TBOOLEAN:
      return lua_toboolean(L, index) ? add(self, "true", 4, where) : add(self, "false", 5, where);
    case LUA_TNUMBER: return encode_number(self, index, where);
    case LUA_TSTRING: {
      size_t length;
      const char *text = lua_tolstring(L, index, &length);
      return encode_string(self, text, length, where);
    }
    case LUA_TTABLE: return encode_table(self, index, where, depth);
    default:
      if (md_is_null(L, index)) return add(self, "null", 4, where);
      return refuse(self, where, " is a %s: it cannot be kept as JSON", md_type_name(L, index));
  }
}

bool md_json_encode(lua_State *L, md_lua *lua, int index, const char *name, size_t name_length) {
  encoder self = {L, lua, lua->scratch.length, 0};
  size_t entries = lua->entry_count;
  int top = lua_gettop(L);
  path root = {NULL, name, name_length, 0, NULL};
  bool done = lua_checkstack(L, 12) ? encode_value(&self, index, &root, 0) : refuse(&self, &root, " is too large");
  if (done && lua->scratch.length - self.start > lua->limits.string) {
    done = refuse(&self, &root, ": the JSON would be larger than %zu bytes", lua->limits.string);
  }
  lua->budget -= self.nodes + (int64_t)((lua->scratch.length - self.start) >> 4);
  lua->entry_count = entries;
  lua_settop(L, top);
  if (!done) lua->scratch.length = self.start;
  return done;
}
