// Lua's patterns, matched by our own machine: every step is charged, so no pattern can outlast the budget of a call,
// and nothing depends on the depth of the C stack.
#pragma once

#include "../host.h"

#pragma clang assume_nonnull begin

enum { MD_CAPTURES = 32, MD_PATTERN_DEPTH = 200, MD_PATTERN_INLINE = 48, MD_PATTERN_LONGEST = 16384 };

/// What stands in a pattern, one node each.
typedef struct {
  uint8_t kind;
  uint8_t repeat;          // '\0', '*', '+', '-' or '?'
  uint8_t first, second;   // the byte of a literal; the pair of %b; the number of a back reference
  uint64_t set[4];         // the bytes of a class, set or frontier
} md_node;

typedef struct {
  const char *_Nullable start;
  ptrdiff_t length;        // or one of the two below
} md_capture;

enum { MD_CAPTURE_OPEN = -1, MD_CAPTURE_POSITION = -2 };

/// A pattern and the subject it is matched against.
typedef struct {
  lua_State *L;
  md_lua *lua;
  const md_node *nodes;
  int count;
  const char *subject, *end;
  int depth;
  int level;               // captures so far
  md_capture captures[MD_CAPTURES];
} md_match;

/// Compiles a pattern (without its leading '^'). Small ones go to `inlined`, others to a userdata that is pushed;
/// either way one value is pushed. Raises on a pattern that makes no sense.
void md_pattern_compile(
  lua_State *L, md_match *match, const char *pattern, size_t length, md_node *inlined);
/// The end of the match that begins at `start`, or null.
const char *_Nullable md_pattern_match(md_match *match, const char *start);
/// Pushes capture `index`, or the whole match from `start` to `end` when there are no captures and `index` is 0.
void md_pattern_push(md_match *match, int index, const char *_Nullable start, const char *_Nullable end);
/// Pushes all captures (or the whole match, if `start` is given); returns how many.
int md_pattern_push_all(md_match *match, const char *_Nullable start, const char *_Nullable end);

#pragma clang assume_nonnull end
