#include "pattern.h"

#include <string.h>

enum { LITERAL, ANY, SET, OPEN, OPEN_POSITION, CLOSE, BACK, BALANCE, FRONTIER, AT_END };

// --- compiling

// The bytes below 128 of each class; no class has others, whatever the locale.
static const struct {
  char letter;
  uint64_t set[2];
} classes[] = {
  {'a', {0x0, 0x7fffffe07fffffe}},
  {'c', {0xffffffff, 0x8000000000000000}},
  {'d', {0x3ff000000000000, 0x0}},
  {'g', {0xfffffffe00000000, 0x7fffffffffffffff}},
  {'l', {0x0, 0x7fffffe00000000}},
  {'p', {0xfc00fffe00000000, 0x78000001f8000001}},
  {'s', {0x100003e00, 0x0}},
  {'u', {0x0, 0x7fffffe}},
  {'w', {0x3ff000000000000, 0x7fffffe07fffffe}},
  {'x', {0x3ff000000000000, 0x7e0000007e}},
};

static bool is_digit(int c) { return c >= '0' && c <= '9'; }

static void add_byte(md_node *node, int c) { node->set[c >> 6] |= 1ull << (c & 63); }

// A class letter (its capital is the complement), or the byte that was escaped.
static void add_class(md_node *node, int letter) {
  bool complement = letter >= 'A' && letter <= 'Z';
  for (size_t i = 0; i < sizeof classes / sizeof *classes; i++) {
    if (classes[i].letter != (complement ? letter + ('a' - 'A') : letter)) continue;
    for (int word = 0; word < 4; word++) {
      uint64_t set = word < 2 ? classes[i].set[word] : 0;
      node->set[word] |= complement ? ~set : set;
    }
    return;
  }
  add_byte(node, letter);
}

static bool set_has(const md_node *node, unsigned char c) { return node->set[c >> 6] >> (c & 63) & 1; }

// Reads a set after its '['; returns what follows the ']'.
static const unsigned char *read_set(
  lua_State *L, md_node *node, const unsigned char *at, const unsigned char *end) {
  bool negate = at < end && *at == '^';
  if (negate) at++;
  bool first = true;
  for (;; first = false) {
    if (at >= end) luaL_error(L, "malformed pattern (missing ']')");
    if (*at == ']' && !first) break;
    if (*at == '%') {
      if (++at >= end) luaL_error(L, "malformed pattern (missing ']')");
      add_class(node, *at++);
    } else if (end - at > 2 && at[1] == '-' && at[2] != ']') {
      for (int c = at[0]; c <= at[2]; c++) add_byte(node, c);
      at += 3;
    } else {
      add_byte(node, *at++);
    }
  }
  for (int i = 0; negate && i < 4; i++) node->set[i] = ~node->set[i];
  return at + 1;
}

static const unsigned char *read_escape(
  lua_State *L, md_node *node, const unsigned char *at, const unsigned char *end, bool *repeats) {
  if (at >= end) luaL_error(L, "malformed pattern (ends with '%%')");
  if (*at == 'b') {
    if (end - at < 3) luaL_error(L, "malformed pattern (missing arguments to '%%b')");
    *node = (md_node){.kind = BALANCE, .first = at[1], .second = at[2]};
    *repeats = false;
    return at + 3;
  }
  if (*at == 'f') {
    if (end - at < 2 || at[1] != '[') luaL_error(L, "missing '[' after '%%f' in pattern");
    *node = (md_node){.kind = FRONTIER};
    *repeats = false;
    return read_set(L, node, at + 2, end);
  }
  if (is_digit(*at)) {
    *node = (md_node){.kind = BACK, .first = (uint8_t)(*at - '0')};
    *repeats = false;
    return at + 1;
  }
  *node = (md_node){.kind = SET};
  add_class(node, *at);
  return at + 1;
}

static const unsigned char *read_node(
  lua_State *L, md_node *node, const unsigned char *at, const unsigned char *end) {
  bool repeats = true;
  switch (*at) {
    case '(':
      if (end - at > 1 && at[1] == ')') {
        *node = (md_node){.kind = OPEN_POSITION};
        return at + 2;
      }
      *node = (md_node){.kind = OPEN};
      return at + 1;
    case ')':
      *node = (md_node){.kind = CLOSE};
      return at + 1;
    case '$':
      if (at + 1 == end) {
        *node = (md_node){.kind = AT_END};
        return at + 1;
      }
      *node = (md_node){.kind = LITERAL, .first = '$'};
      at++;
      break;
    case '.':
      *node = (md_node){.kind = ANY};
      at++;
      break;
    case '[':
      *node = (md_node){.kind = SET};
      at = read_set(L, node, at + 1, end);
      break;
    case '%': at = read_escape(L, node, at + 1, end, &repeats); break;
    default:
      *node = (md_node){.kind = LITERAL, .first = *at};
      at++;
  }
  if (repeats && at < end && strchr("*+-?", *at) && *at) node->repeat = *at++;
  return at;
}

void md_pattern_compile(
  lua_State *L, md_match *match, const char *pattern, size_t length, md_node *inlined) {
  if (length > MD_PATTERN_LONGEST) luaL_error(L, "the pattern is too long (over %d bytes)", MD_PATTERN_LONGEST);
  md_charge(L, match->lua, 2 + 2 * (int64_t)length);
  md_node *nodes = inlined;
  if (length > MD_PATTERN_INLINE) nodes = lua_newuserdatauv(L, length * sizeof *nodes, 0);
  else lua_pushnil(L);
  const unsigned char *at = (const unsigned char *)pattern, *end = at + length;
  int count = 0;
  while (at < end) at = read_node(L, &nodes[count++], at, end);
  match->nodes = nodes;
  match->count = count;
}

// --- matching

static const char *run(md_match *match, int node, const char *at);

static bool single_matches(const md_match *match, const md_node *node, const char *at) {
  if (at >= match->end) return false;
  switch (node->kind) {
    case LITERAL: return (unsigned char)*at == node->first;
    case ANY: return true;
    default: return set_has(node, (unsigned char)*at);
  }
}

static const char *match_longest(md_match *match, int index, const char *at) {
  const md_node *node = &match->nodes[index];
  ptrdiff_t count = 0;
  while (single_matches(match, node, at + count)) count++;
  md_charge(match->L, match->lua, count >> 2);
  for (; count >= 0; count--) {
    const char *found = run(match, index + 1, at + count);
    if (found) return found;
  }
  return NULL;
}

static const char *match_shortest(md_match *match, int index, const char *at) {
  for (;;) {
    const char *found = run(match, index + 1, at);
    if (found) return found;
    if (!single_matches(match, &match->nodes[index], at)) return NULL;
    at++;
  }
}

static const char *match_balance(md_match *match, const md_node *node, const char *at) {
  if (at >= match->end || (unsigned char)*at != node->first) return NULL;
  int64_t open = 1;
  for (const char *next = at + 1; next < match->end; next++) {
    unsigned char c = (unsigned char)*next;
    if (c == node->second) {
      if (--open == 0) {
        md_charge(match->L, match->lua, (next - at) >> 2);
        return next + 1;
      }
    } else if (c == node->first) {
      open++;
    }
  }
  md_charge(match->L, match->lua, (match->end - at) >> 2);
  return NULL;
}

static int last_open(md_match *match) {
  for (int level = match->level - 1; level >= 0; level--) {
    if (match->captures[level].length == MD_CAPTURE_OPEN) return level;
  }
  luaL_error(match->L, "invalid pattern capture");
  return 0;
}

static const char *match_back(md_match *match, const md_node *node, const char *at) {
  int index = node->first - 1;
  if (index < 0 || index >= match->level || match->captures[index].length == MD_CAPTURE_OPEN) {
    luaL_error(match->L, "invalid capture index %%%d", index + 1);
  }
  ptrdiff_t length = match->captures[index].length;
  if (length < 0) return NULL;  // a position has no text to be found again
  md_charge(match->L, match->lua, length >> 4);
  if (match->end - at < length || memcmp(match->captures[index].start, at, (size_t)length) != 0) return NULL;
  return at + length;
}

static const char *begin_capture(md_match *match, int index, const char *at, ptrdiff_t kind) {
  if (match->level >= MD_CAPTURES) luaL_error(match->L, "too many captures");
  match->captures[match->level++] = (md_capture){.start = at, .length = kind};
  const char *found = run(match, index + 1, at);
  if (!found) match->level--;
  return found;
}

static const char *end_capture(md_match *match, int index, const char *at) {
  int level = last_open(match);
  match->captures[level].length = at - match->captures[level].start;
  const char *found = run(match, index + 1, at);
  if (!found) match->captures[level].length = MD_CAPTURE_OPEN;
  return found;
}

static bool at_frontier(md_match *match, const md_node *node, const char *at) {
  unsigned char before = at == match->subject ? 0 : (unsigned char)at[-1];
  unsigned char here = at < match->end ? (unsigned char)*at : 0;
  return !set_has(node, before) && set_has(node, here);
}

// Nodes that leave no choice are stepped over in the loop; each choice is one level of recursion.
static const char *walk(md_match *match, int index, const char *at) {
  for (; index < match->count; index++) {
    md_charge(match->L, match->lua, 1);
    const md_node *node = &match->nodes[index];
    switch (node->kind) {
      case OPEN: return begin_capture(match, index, at, MD_CAPTURE_OPEN);
      case OPEN_POSITION: return begin_capture(match, index, at, MD_CAPTURE_POSITION);
      case CLOSE: return end_capture(match, index, at);
      case AT_END:
        if (at != match->end) return NULL;
        continue;
      case FRONTIER:
        if (!at_frontier(match, node, at)) return NULL;
        continue;
      case BACK:
      case BALANCE:
        at = node->kind == BACK ? match_back(match, node, at) : match_balance(match, node, at);
        if (!at) return NULL;
        continue;
      default: break;
    }
    switch (node->repeat) {
      case '*': return match_longest(match, index, at);
      case '+': return single_matches(match, node, at) ? match_longest(match, index, at + 1) : NULL;
      case '-': return match_shortest(match, index, at);
      case '?':
        if (single_matches(match, node, at)) {
          const char *found = run(match, index + 1, at + 1);
          if (found) return found;
        }
        continue;
      default:
        if (!single_matches(match, node, at)) return NULL;
        at++;
    }
  }
  return at;
}

static const char *run(md_match *match, int index, const char *at) {
  if (++match->depth > MD_PATTERN_DEPTH) luaL_error(match->L, "pattern too complex");
  const char *found = walk(match, index, at);
  match->depth--;
  return found;
}

const char *md_pattern_match(md_match *match, const char *start) {
  match->level = 0;
  match->depth = 0;
  return run(match, 0, start);
}

void md_pattern_push(md_match *match, int index, const char *start, const char *end) {
  if (index >= match->level) {
    if (index != 0 || !start) luaL_error(match->L, "invalid capture index %%%d", index + 1);
    lua_pushlstring(match->L, start, (size_t)(end - start));
    return;
  }
  md_capture capture = match->captures[index];
  if (capture.length == MD_CAPTURE_OPEN) luaL_error(match->L, "unfinished capture");
  if (capture.length == MD_CAPTURE_POSITION) lua_pushinteger(match->L, capture.start - match->subject + 1);
  else lua_pushlstring(match->L, capture.start, (size_t)capture.length);
}

int md_pattern_push_all(md_match *match, const char *start, const char *end) {
  int count = match->level == 0 && start ? 1 : match->level;
  luaL_checkstack(match->L, count, "too many captures");
  for (int index = 0; index < count; index++) md_pattern_push(match, index, start, end);
  return count;
}
