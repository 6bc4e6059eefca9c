#include <simdjson.h>

#include <new>
#include <string.h>

#include "CBytes.h"
#include "json_text.h"

// The first pass of simdjson finds, with the machine's widest instructions, where every token of the document begins,
// and proves that its UTF-8 is good and its strings are closed. The walks here are the second pass: they check the
// grammar and report spans, which simdjson's own second passes do not do without making values of them.

namespace {

using simdjson::internal::dom_parser_implementation;

inline bool is_space(uint8_t byte) { return byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r'; }

struct Span {
  uint32_t first;
  uint32_t end;
  uint8_t kind;
};

uint8_t word_of(const uint8_t *name, uint32_t length) {
#define MD_WORD(text, word) \
  if (memcmp(name, text, sizeof(text) - 1) == 0) return word
  switch (length) {
    case 2: MD_WORD("id", md_word_id); break;
    case 4:
      MD_WORD("type", md_word_type);
      MD_WORD("time", md_word_time);
      MD_WORD("data", md_word_data);
      break;
    case 5: MD_WORD("reply", md_word_reply); break;
    case 6: MD_WORD("source", md_word_source); break;
    case 7: MD_WORD("subject", md_word_subject); break;
    case 8: MD_WORD("position", md_word_position); break;
    case 10:
      MD_WORD("dataschema", md_word_dataschema);
      MD_WORD("tracestate", md_word_tracestate);
      break;
    case 11:
      MD_WORD("specversion", md_word_specversion);
      MD_WORD("traceparent", md_word_traceparent);
      MD_WORD("data_base64", md_word_data_base64);
      break;
    case 13: MD_WORD("correlationid", md_word_correlationid); break;
    case 15: MD_WORD("datacontenttype", md_word_datacontenttype); break;
  }
#undef MD_WORD
  return md_word_none;
}

}  // namespace

struct md_scanner {
  std::unique_ptr<dom_parser_implementation> first_pass;
  std::unique_ptr<uint8_t[]> arena;
  size_t arena_capacity = 0;
  size_t arena_used = 0;

  const uint8_t *bytes = nullptr;
  uint32_t length = 0;
  const uint32_t *at = nullptr;
  const uint32_t *end = nullptr;
  bool has_escapes = false;
  bool is_first_element = false;
  size_t error_offset = 0;
  md_member members[MD_MAXIMUM_MEMBERS];

  int fail(int status, size_t offset) {
    error_offset = offset;
    return status;
  }

  int start(const uint8_t *document, size_t count);
  bool reserve(size_t count);
  int string(uint32_t quote, Span *inside);
  int scalar(uint32_t first, Span *span);
  int value(Span *span);
  int missing(uint32_t first, uint8_t wanted);
  int object(md_object *object);
  int member(md_object *object);
  int text(Span inside, const uint8_t **begin, uint32_t *count);
  int finish();
};

bool md_scanner::reserve(size_t count) {
  if (!first_pass) {
    auto &machine = simdjson::get_active_implementation();
    auto status = machine->create_dom_parser_implementation(count, MD_MAXIMUM_DEPTH, first_pass);
    if (status) {
      first_pass.reset();
      return false;
    }
  } else if (first_pass->capacity() < count) {
    if (first_pass->allocate(count, MD_MAXIMUM_DEPTH)) {
      first_pass.reset();
      return false;
    }
  }
  return true;
}

int md_scanner::start(const uint8_t *document, size_t count) {
  bytes = document;
  length = 0;
  at = end = nullptr;
  arena_used = 0;
  if (count == 0) return fail(md_scan_empty, 0);
  if (count >= 1u << 31) return fail(md_scan_out_of_memory, 0);
  if (count >= 3 && memcmp(document, "\xEF\xBB\xBF", 3) == 0) return fail(md_scan_byte_order_mark, 0);
  if (!reserve(count < 4096 ? 4096 : count)) return fail(md_scan_out_of_memory, 0);
  auto status = first_pass->stage1(document, count, simdjson::stage1_mode::regular);
  if (status == simdjson::EMPTY) return fail(md_scan_empty, 0);
  if (status) {
    size_t offset = 0;
    int reason = moondance::locate(document, count, &offset);
    return fail(reason, offset);
  }
  has_escapes = memchr(document, '\\', count) != nullptr;
  if (has_escapes && arena_capacity < count) {
    arena.reset(new (std::nothrow) uint8_t[count]);
    arena_capacity = arena ? count : 0;
    if (!arena) return fail(md_scan_out_of_memory, 0);
  }
  length = (uint32_t)count;
  at = first_pass->structural_indexes.get();
  end = at + first_pass->n_structural_indexes;
  return md_scan_ok;
}

/// The string whose opening quote stands at `quote`. Its token was the last taken: between its closing quote and the
/// next token there is nothing but space, so the closing quote is found from there, backwards.
inline int md_scanner::string(uint32_t quote, Span *inside) {
  uint32_t last = (at < end ? *at : length) - 1;
  while (last > quote && is_space(bytes[last])) last--;
  if (last == quote || bytes[last] != '"') return fail(md_scan_unclosed_string, quote);
  if (has_escapes) {
    moondance::Unescaped checked = moondance::unescape(bytes + quote + 1, bytes + last, nullptr);
    if (checked.status) return fail(checked.status, (size_t)(checked.error - bytes));
  }
  *inside = {quote + 1, last, md_value_string};
  return md_scan_ok;
}

inline int md_scanner::scalar(uint32_t first, Span *span) {
  uint32_t last = at < end ? *at : length;
  while (is_space(bytes[last - 1])) last--;
  const uint8_t *token = bytes + first;
  uint32_t count = last - first;
  uint8_t kind = md_value_number;
  switch (*token) {
    case 't': kind = count == 4 && memcmp(token, "true", 4) == 0 ? md_value_true : 0; break;
    case 'f': kind = count == 5 && memcmp(token, "false", 5) == 0 ? md_value_false : 0; break;
    case 'n': kind = count == 4 && memcmp(token, "null", 4) == 0 ? md_value_null : 0; break;
    case '-': case '0': case '1': case '2': case '3': case '4': case '5': case '6': case '7': case '8': case '9':
      if (!moondance::is_number(token, bytes + last)) return fail(md_scan_bad_number, first);
      break;
    default: kind = 0;
  }
  if (!kind) return fail(md_scan_bad_literal, first);
  *span = {first, last, kind};
  return md_scan_ok;
}

/// The error for a token that stands where something else is wanted.
int md_scanner::missing(uint32_t first, uint8_t wanted) {
  uint8_t found = bytes[first];
  bool after_comma = at - 2 >= first_pass->structural_indexes.get() && bytes[at[-2]] == ',';
  if ((found == '}' || found == ']') && after_comma) return fail(md_scan_trailing_comma, at[-2]);
  switch (wanted) {
    case '"': return fail(md_scan_expected_key, first);
    case ':': return fail(md_scan_expected_colon, first);
    case ',': return fail(md_scan_expected_comma, first);
    default: return fail(md_scan_expected_value, first);
  }
}

/// Checks the value that begins at the next token, whatever is in it, and goes past it.
int md_scanner::value(Span *span) {
  uint8_t open[MD_MAXIMUM_DEPTH];
  int depth = 0;
  int status;
  uint32_t token;
  Span inner;

want_value:
  if (at == end) return fail(md_scan_unexpected_end, length);
  token = *at++;
  switch (bytes[token]) {
    case '{': case '[':
      if (depth == 0) *span = {token, 0, (uint8_t)(bytes[token] == '{' ? md_value_object : md_value_array)};
      if (depth == MD_MAXIMUM_DEPTH) return fail(md_scan_too_deep, token);
      open[depth++] = bytes[token];
      if (at < end && bytes[*at] == bytes[token] + 2) {  // '[' + 2 is ']', '{' + 2 is '}'
        token = *at++;
        goto closed;
      }
      if (bytes[token] == '{') goto want_key;
      goto want_value;
    case '"':
      if ((status = string(token, &inner))) return status;
      if (depth == 0) *span = {token, inner.end + 1, md_value_string};
      break;
    case '}': case ']': case ',': case ':':
      return missing(token, 0);
    default:
      if ((status = scalar(token, &inner))) return status;
      if (depth == 0) *span = inner;
  }

value_done:
  if (depth == 0) return md_scan_ok;
  if (at == end) return fail(md_scan_unexpected_end, length);
  token = *at++;
  if (bytes[token] == ',') {
    if (open[depth - 1] == '[') goto want_value;
    goto want_key;
  }
  if (bytes[token] != open[depth - 1] + 2) return missing(token, ',');

closed:
  if (--depth == 0) span->end = token + 1;
  goto value_done;

want_key:
  if (at == end) return fail(md_scan_unexpected_end, length);
  token = *at++;
  if (bytes[token] != '"') return missing(token, '"');
  if ((status = string(token, &inner))) return status;
  if (at == end) return fail(md_scan_unexpected_end, length);
  token = *at++;
  if (bytes[token] != ':') return missing(token, ':');
  goto want_value;
}

/// The text of a string: where it stands, or unescaped in the arena.
inline int md_scanner::text(Span inside, const uint8_t **begin, uint32_t *count) {
  *begin = bytes + inside.first;
  *count = inside.end - inside.first;
  if (!has_escapes || !memchr(*begin, '\\', *count)) return md_scan_ok;
  uint8_t *out = arena.get() + arena_used;
  moondance::Unescaped result = moondance::unescape(*begin, *begin + *count, out);
  if (result.status) return fail(result.status, (size_t)(result.error - bytes));
  *begin = out;
  *count = (uint32_t)result.length;
  arena_used += *count;
  return md_scan_ok;
}

/// One member, its name at the next token.
int md_scanner::member(md_object *object) {
  if (at == end) return fail(md_scan_unexpected_end, length);
  uint32_t token = *at++;
  if (bytes[token] != '"') return missing(token, '"');
  if (object->count == MD_MAXIMUM_MEMBERS) return fail(md_scan_too_many_members, token);
  md_member &member = members[object->count];
  Span span;
  int status;
  if ((status = string(token, &span))) return status;
  if ((status = text(span, &member.name, &member.name_length))) return status;
  member.name_offset = token;
  member.word = word_of(member.name, member.name_length);

  if (at == end) return fail(md_scan_unexpected_end, length);
  uint32_t colon = *at++;
  if (bytes[colon] != ':') return missing(colon, ':');
  if ((status = value(&span))) return status;
  member.kind = span.kind;
  member.value_offset = span.first;
  if (span.kind == md_value_string && member.word != md_word_data) {
    span = {span.first + 1, span.end - 1, span.kind};
    if ((status = text(span, &member.value, &member.value_length))) return status;
  } else {
    member.value = bytes + span.first;
    member.value_length = span.end - span.first;
  }

  if (member.word) {
    if (object->by_word[member.word]) return fail(md_scan_duplicate_name, token);
    object->by_word[member.word] = (uint8_t)(object->count + 1);
  } else {
    for (uint32_t i = 0; i < object->count; i++) {
      if (members[i].name_length == member.name_length && memcmp(members[i].name, member.name, member.name_length) == 0)
        return fail(md_scan_duplicate_name, token);
    }
  }
  object->count++;
  return md_scan_ok;
}

int md_scanner::object(md_object *object) {
  memset(object, 0, sizeof(*object));
  object->members = members;
  if (at == end) return fail(md_scan_unexpected_end, length);
  uint32_t token = *at++;
  if (bytes[token] != '{') {
    at--;
    Span span;
    int status = value(&span);  // a document that is not even JSON says so first
    return status ? status : fail(md_scan_not_an_object, token);
  }
  object->first = token;
  if (at < end && bytes[*at] == '}') {
    object->end = *at++ + 1;
    return md_scan_ok;
  }
  for (;;) {
    int status = member(object);
    if (status) return status;
    if (at == end) return fail(md_scan_unexpected_end, length);
    token = *at++;
    if (bytes[token] == '}') break;
    if (bytes[token] != ',') return missing(token, ',');
  }
  object->end = token + 1;
  return md_scan_ok;
}

inline int md_scanner::finish() { return at == end ? md_scan_ok : fail(md_scan_trailing_bytes, *at); }

md_scanner *md_scanner_create(void) { return new (std::nothrow) md_scanner; }

void md_scanner_destroy(md_scanner *scanner) { delete scanner; }

void md_scanner_trim(md_scanner *scanner, size_t maximum) {
  if (scanner->first_pass && scanner->first_pass->capacity() > maximum) scanner->first_pass.reset();
  if (scanner->arena_capacity > maximum) {
    scanner->arena.reset();
    scanner->arena_capacity = 0;
  }
}

int md_scan_start(md_scanner *scanner, const uint8_t *bytes, size_t length) { return scanner->start(bytes, length); }

int md_scan_object(md_scanner *scanner, md_object *object) {
  int status = scanner->object(object);
  return status ? status : scanner->finish();
}

int md_scan_array(md_scanner *scanner) {
  uint32_t token = scanner->at < scanner->end ? *scanner->at : 0;
  if (scanner->at == scanner->end || scanner->bytes[token] != '[') {
    Span span;
    int status = scanner->value(&span);
    return status ? status : scanner->fail(md_scan_not_an_array, token);
  }
  scanner->at++;
  scanner->is_first_element = true;
  return md_scan_ok;
}

int md_scan_element(md_scanner *scanner, md_object *object) {
  bool is_first = scanner->is_first_element;
  scanner->is_first_element = false;
  if (scanner->at == scanner->end) return scanner->fail(md_scan_unexpected_end, scanner->length);
  uint32_t token = *scanner->at;
  if (scanner->bytes[token] == ']') {
    scanner->at++;
    int status = scanner->finish();
    return status ? status : md_scan_end;
  }
  if (!is_first) {
    scanner->at++;
    if (scanner->bytes[token] != ',') return scanner->missing(token, ',');
    bool is_last = scanner->at < scanner->end && scanner->bytes[*scanner->at] == ']';
    if (is_last) return scanner->fail(md_scan_trailing_comma, token);
  }
  return scanner->object(object);
}

int md_scan_value(md_scanner *scanner, uint32_t *first, uint32_t *end) {
  Span span;
  int status = scanner->value(&span);
  if (status) return status;
  *first = span.first;
  *end = span.end;
  return scanner->finish();
}

size_t md_scan_offset(const md_scanner *scanner) { return scanner->error_offset; }
