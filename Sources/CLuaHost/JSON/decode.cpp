// JSON straight onto the Lua stack, by simdjson's On-Demand parser.
//
// Lua may jump over these frames when memory is short, so nothing in them has a destructor that matters; the parser
// and its buffers belong to the interpreter.
#include "../host.h"

#include <cstdlib>
#include <cstring>
#include <new>
#include <type_traits>
#include <utility>

#include <simdjson.h>

using namespace simdjson;

static_assert(std::is_trivially_destructible<ondemand::value>::value, "Lua may jump over it");
static_assert(std::is_trivially_destructible<ondemand::object>::value, "Lua may jump over it");
static_assert(std::is_trivially_destructible<ondemand::array>::value, "Lua may jump over it");
static_assert(std::is_trivially_destructible<ondemand::field>::value, "Lua may jump over it");
static_assert(std::is_trivially_destructible<ondemand::document>::value, "Lua may jump over it");

namespace {

// Elements wait on the Lua stack until their number is known, so that most tables are made in their final size.
constexpr int waiting = 32;

struct Decoder {
  lua_State *L;
  int depth;
  const char *problem;

  bool fail(error_code code) {
    problem = error_message(code);
    return false;
  }

  // simdjson 3.0.1 reads numbers of more than 19 digits wrongly (get_number gives 0, get_double 4.1e-16 for
  // 0.1000000000000000055511151231257827), so it only finds them. The iterators step over what was not read.
  bool push_number(ondemand::value &source) {
    std::string_view token = source.raw_json_token();
    return md_push_number(L, token.data(), token.size()) || fail(NUMBER_ERROR);
  }

  template <typename Source> bool push_string(Source &source) {
    std::string_view text;
    if (auto error = source.get_string().get(text)) return fail(error);
    lua_pushlstring(L, text.data(), text.size());
    return true;
  }

  bool push_boolean(ondemand::value &source) {
    bool truth;
    if (auto error = source.get_bool().get(truth)) return fail(error);
    lua_pushboolean(L, truth);
    return true;
  }

  bool push_null(ondemand::value &source, bool in_array) {
    bool is_null;
    if (auto error = source.is_null().get(is_null)) return fail(error);
    if (!is_null) return fail(N_ATOM_ERROR);
    if (in_array) lua_rawgeti(L, LUA_REGISTRYINDEX, MD_REF_NULL);
    else lua_pushnil(L);
    return true;
  }

  bool enter() {
    if (++depth > MD_MAXIMUM_DEPTH) {
      problem = "it is nested deeper than 64";
      return false;
    }
    luaL_checkstack(L, 2 * waiting + 8, "JSON");
    return true;
  }

  // The pairs above `table` go into it. Later ones replace earlier ones of the same key.
  void store_pairs(int table, int count) {
    int first = lua_gettop(L) - 2 * count + 1;
    for (int i = 0; i < count; i++) {
      lua_pushvalue(L, first + 2 * i);
      lua_pushvalue(L, first + 2 * i + 1);
      lua_rawset(L, table);
    }
    lua_settop(L, first - 1);
  }

  bool push_object(ondemand::object &object) {
    if (!enter()) return false;
    lua_pushnil(L);  // where the table will be
    int table = lua_gettop(L), count = 0;
    bool made = false;
    for (auto found : object) {
      ondemand::field field;
      std::string_view key;
      if (auto error = std::move(found).get(field)) return fail(error);
      if (auto error = field.unescaped_key().get(key)) return fail(error);
      lua_pushlstring(L, key.data(), key.size());
      if (!push_value(field.value(), false)) return false;
      if (++count < waiting) continue;
      if (!made) make(table, 0, 2 * waiting);
      made = true;
      store_pairs(table, count);
      count = 0;
    }
    if (!made) make(table, 0, count);
    store_pairs(table, count);
    depth--;
    return true;
  }

  void make(int table, int elements, int fields) {
    lua_createtable(L, elements, fields);
    lua_replace(L, table);
  }

  void store_elements(int table, lua_Integer stored, int count) {
    for (int i = count; i > 0; i--) lua_rawseti(L, table, stored + i);
  }

  bool push_array(ondemand::array &array) {
    if (!enter()) return false;
    lua_pushnil(L);  // where the table will be
    int table = lua_gettop(L), count = 0;
    lua_Integer stored = 0;
    bool made = false;
    for (auto found : array) {
      ondemand::value value;
      if (auto error = std::move(found).get(value)) return fail(error);
      if (!push_value(value, true)) return false;
      if (++count < waiting) continue;
      if (!made) make(table, 2 * waiting, 0);
      made = true;
      store_elements(table, stored, count);
      stored += count;
      count = 0;
    }
    if (!made) make(table, count, 0);
    store_elements(table, stored, count);
    md_mark_array(L, table);
    depth--;
    return true;
  }

  // Objects, arrays and strings, which may be a whole document.
  template <typename Source> bool push_large(Source &source, ondemand::json_type type) {
    if (type == ondemand::json_type::string) return push_string(source);
    if (type == ondemand::json_type::array) {
      ondemand::array array;
      if (auto error = source.get_array().get(array)) return fail(error);
      return push_array(array);
    }
    ondemand::object object;
    if (auto error = source.get_object().get(object)) return fail(error);
    return push_object(object);
  }

  bool push_value(ondemand::value value, bool in_array) {
    ondemand::json_type type;
    if (auto error = value.type().get(type)) return fail(error);
    switch (type) {
      case ondemand::json_type::number: return push_number(value);
      case ondemand::json_type::boolean: return push_boolean(value);
      case ondemand::json_type::null: return push_null(value, in_array);
      default: return push_large(value, type);
    }
  }
};

// A document that is only a number, a truth value or null. simdjson 3.0.1 stumbles over blanks behind those.
const char *decode_small(lua_State *L, const char *text, size_t length) {
  std::string_view document(text, length);
  constexpr std::string_view blanks = " \t\n\r";
  document.remove_prefix(document.find_first_not_of(blanks));
  document.remove_suffix(document.size() - document.find_last_not_of(blanks) - 1);
  if (document == "null") lua_pushnil(L);
  else if (document == "true" || document == "false") lua_pushboolean(L, document == "true");
  else if (!md_push_number(L, text, length)) return "a value is expected";
  return nullptr;
}

// The parser with room for `length` bytes, and the bytes with the padding that simdjson reads into.
ondemand::parser *prepare(md_lua *lua, const void *bytes, size_t length) {
  lua->padded.length = 0;
  if (!md_buffer_reserve(&lua->padded, length + SIMDJSON_PADDING)) return nullptr;
  if (length) memcpy(lua->padded.bytes, bytes, length);
  memset(lua->padded.bytes + length, ' ', SIMDJSON_PADDING);
  auto *parser = static_cast<ondemand::parser *>(lua->parser);
  if (!parser) {
    parser = new (std::nothrow) ondemand::parser();
    if (!parser) return nullptr;
    lua->parser = parser;
  }
  if (parser->capacity() >= length) return parser;
  return parser->allocate(length < 4096 ? 4096 : length, MD_MAXIMUM_DEPTH + 8) ? nullptr : parser;
}

const char *decode(lua_State *L, md_lua *lua, size_t length, ondemand::parser *parser) {
  ondemand::document document;
  padded_string_view view(lua->padded.bytes, length, lua->padded.capacity);
  if (auto error = parser->iterate(view).get(document)) return error_message(error);
  Decoder decoder{L, 0, nullptr};
  ondemand::json_type type;
  if (auto error = document.type().get(type)) return error_message(error);
  switch (type) {
    case ondemand::json_type::object:
    case ondemand::json_type::array:
    case ondemand::json_type::string: break;
    default: return decode_small(L, lua->padded.bytes, length);
  }
  if (!decoder.push_large(document, type)) return decoder.problem;
  const char *rest;
  if (document.current_location().get(rest) == SUCCESS) return "something follows its end";
  return nullptr;
}

}  // namespace

extern "C" const char *md_json_push(lua_State *L, md_lua *lua, const void *bytes, size_t length) {
  luaL_checkstack(L, 8, "JSON");
  int top = lua_gettop(L);
  ondemand::parser *parser = prepare(lua, bytes, length);
  const char *problem = parser ? decode(L, lua, length, parser) : "there is no memory for it";
  if (problem) lua_settop(L, top);
  return problem;
}

extern "C" void md_json_free(md_lua *lua) {
  delete static_cast<ondemand::parser *>(lua->parser);
  lua->parser = nullptr;
  md_buffer_free(&lua->padded);
}
