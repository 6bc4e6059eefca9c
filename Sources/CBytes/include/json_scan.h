// Strict, allocation-free scanning of JSON documents: which members an object has, where their bytes lie.
//
// A scanner reads one document at a time: `md_scan_start`, then one of the walks below. What a walk reports points into
// the document or into the scanner, and is valid until the next `md_scan_start`. A scanner belongs to one thread at a
// time. Everything is validated: UTF-8, escapes, numbers, structure, and nesting to `MD_MAXIMUM_DEPTH`.
#pragma once

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
  /// How deep the value of a member may nest.
  MD_MAXIMUM_DEPTH = 64,
  /// How many members an object may have.
  MD_MAXIMUM_MEMBERS = 64,
};

/// How a walk ended. The offset of an error is `md_scan_offset`.
enum {
  md_scan_ok = 0,
  /// No further element.
  md_scan_end = 1,
  md_scan_empty = 2,
  md_scan_byte_order_mark = 3,
  md_scan_invalid_utf8 = 4,
  md_scan_control_character = 5,
  md_scan_unclosed_string = 6,
  md_scan_bad_escape = 7,
  md_scan_lone_surrogate = 8,
  md_scan_bad_number = 9,
  md_scan_bad_literal = 10,
  md_scan_trailing_comma = 11,
  md_scan_expected_key = 12,
  md_scan_expected_colon = 13,
  md_scan_expected_comma = 14,
  md_scan_expected_value = 15,
  md_scan_unexpected_end = 16,
  md_scan_too_deep = 17,
  md_scan_trailing_bytes = 18,
  md_scan_not_an_object = 19,
  md_scan_not_an_array = 20,
  md_scan_duplicate_name = 21,
  md_scan_too_many_members = 22,
  md_scan_out_of_memory = 23,
};

/// What a value is.
enum {
  md_value_string = 1,
  md_value_true = 2,
  md_value_false = 3,
  md_value_null = 4,
  md_value_number = 5,
  md_value_object = 6,
  md_value_array = 7,
};

/// Member names that an event's reader knows. 1–9 are the numbers of the log's attributes.
enum {
  md_word_none = 0,
  md_word_id = 1,
  md_word_source = 2,
  md_word_time = 3,
  md_word_datacontenttype = 4,
  md_word_dataschema = 5,
  md_word_traceparent = 6,
  md_word_tracestate = 7,
  md_word_correlationid = 8,
  md_word_reply = 9,
  md_word_specversion = 10,
  md_word_type = 11,
  md_word_subject = 12,
  md_word_data = 13,
  md_word_data_base64 = 14,
  md_word_position = 15,
  MD_WORDS = 16,
};

/// One member of an object.
typedef struct {
  /// The name, unescaped.
  const uint8_t *_Nonnull name;
  /// A string's text, unescaped; of any other value, and of `data`, the bytes as they stand.
  const uint8_t *_Nonnull value;
  uint32_t name_length;
  uint32_t value_length;
  /// Where name and value begin in the document.
  uint32_t name_offset;
  uint32_t value_offset;
  uint8_t kind;
  uint8_t word;
} md_member;

/// The members of an object, in the order of the document.
typedef struct {
  const md_member *_Nullable members;
  uint32_t count;
  /// Where the object begins and ends in the document.
  uint32_t first;
  uint32_t end;
  /// Index + 1 of the member with this word; 0: there is none.
  uint8_t by_word[MD_WORDS];
} md_object;

/// The member with a known name, or NULL.
static inline const md_member *_Nullable md_object_member(const md_object *_Nonnull object, unsigned word) {
  return object->by_word[word] ? object->members + (object->by_word[word] - 1) : NULL;
}

typedef struct md_scanner md_scanner;

/// NULL when memory is short.
md_scanner *_Nullable md_scanner_create(void);
void md_scanner_destroy(md_scanner *_Nullable scanner);
/// Gives back working memory when it serves documents of more than `maximum` bytes.
void md_scanner_trim(md_scanner *_Nonnull scanner, size_t maximum);

/// Begins with a document, which must stay in place and unchanged until the walk is over.
int md_scan_start(md_scanner *_Nonnull scanner, const uint8_t *_Nullable bytes, size_t length);
/// The document is exactly one object.
int md_scan_object(md_scanner *_Nonnull scanner, md_object *_Nonnull object);
/// The document is an array: its beginning. `md_scan_element` then gives one object after the other, and `md_scan_end`
/// after the last; nothing may follow.
int md_scan_array(md_scanner *_Nonnull scanner);
int md_scan_element(md_scanner *_Nonnull scanner, md_object *_Nonnull object);
/// The document is exactly one value of any kind; where it begins and ends.
int md_scan_value(md_scanner *_Nonnull scanner, uint32_t *_Nonnull first, uint32_t *_Nonnull end);
/// Where the last error lies in the document.
size_t md_scan_offset(const md_scanner *_Nonnull scanner);

/// The text of a string that a scan has accepted, without its quotes, into `out` (room for `length` bytes).
size_t md_unescape(const uint8_t *_Nonnull bytes, size_t length, uint8_t *_Nonnull out);

/// How many bytes base64 makes of `length` bytes.
static inline size_t md_base64_length(size_t length) { return (length + 2) / 3 * 4; }
/// Base64 (RFC 4648, section 4) with padding, into `out`, which has room for `md_base64_length(length)` bytes.
void md_base64_encode(const uint8_t *_Nullable bytes, size_t length, uint8_t *_Nonnull out);
/// The bytes that canonical base64 stands for, into `out` (room for 3 × `length` / 4 bytes): how many, or -1 when it
/// is not canonical: foreign characters, spaces, missing padding, or bits that would be lost.
ptrdiff_t md_base64_decode(const uint8_t *_Nullable text, size_t length, uint8_t *_Nonnull out);

#ifdef __cplusplus
}
#endif
