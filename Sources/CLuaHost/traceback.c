// Where a script was: its frames as text, a line each, innermost first. Nothing here raises or uses Lua's memory or
// stack, as one of them may be what has just run out.
//
// Lua finds a frame by walking to it from the innermost one. `luaL_traceback` does that forty times to find out how
// many there are: 300 ms after a recursion without end, more than the script had for all its work. So they are counted
// up to a bound, and beyond it only the innermost are shown.
#include "host.h"

#include <stdio.h>

enum { MD_FIRST_FRAMES = 10, MD_LAST_FRAMES = 11, MD_COUNTED_FRAMES = 1000, MD_SHOWN_NAME = 128 };

static bool has_frame(lua_State *L, int level) {
  lua_Debug frame;
  return lua_getstack(L, level, &frame) != 0;
}

// Number of frames, or MD_COUNTED_FRAMES when there are at least as many.
static int count_frames(lua_State *L) {
  if (has_frame(L, MD_COUNTED_FRAMES - 1)) return MD_COUNTED_FRAMES;
  int low = 0, high = MD_COUNTED_FRAMES - 1;
  while (low < high) {
    int middle = (low + high) / 2;
    if (has_frame(L, middle)) low = middle + 1;
    else high = middle;
  }
  return low;
}

static void add_line(md_lua *lua, const char *text, int length) {
  md_buffer *out = &lua->traceback;
  if (length <= 0 || out->length + (size_t)length + 1 > MD_MAXIMUM_MESSAGE) return;
  if (!md_buffer_reserve(out, (size_t)length + 2)) return;
  if (out->length) out->bytes[out->length++] = '\n';
  for (int i = 0; i < length; i++) out->bytes[out->length++] = text[i];
}

static int describe_function(const lua_Debug *frame, char *out, size_t room) {
  if (*frame->namewhat) return snprintf(out, room, "%s '%.*s'", frame->namewhat, MD_SHOWN_NAME, frame->name);
  if (*frame->what == 'm') return snprintf(out, room, "main chunk");
  if (*frame->what == 'C') return snprintf(out, room, "?");
  return snprintf(out, room, "function <%s:%d>", frame->short_src, frame->linedefined);
}

static void add_frame(lua_State *L, md_lua *lua, int level) {
  lua_Debug frame;
  if (!lua_getstack(L, level, &frame)) return;
  lua_getinfo(L, "Slnt", &frame);
  char text[2 * LUA_IDSIZE + MD_SHOWN_NAME + 64];
  int length = frame.currentline > 0
    ? snprintf(text, sizeof text, "%s:%d: in ", frame.short_src, frame.currentline)
    : snprintf(text, sizeof text, "%s: in ", frame.short_src);
  length += describe_function(&frame, text + length, sizeof text - (size_t)length);
  add_line(lua, text, length);
  if (frame.istailcall) add_line(lua, "(...tail calls...)", 18);
}

void md_keep_traceback(lua_State *L, md_lua *lua, int level) {
  lua->traceback.length = 0;
  int count = count_frames(L);
  int shown = MD_FIRST_FRAMES + MD_LAST_FRAMES;
  int first = count - level <= shown ? count : level + MD_FIRST_FRAMES;
  for (int i = level; i < first; i++) add_frame(L, lua, i);
  if (first == count) return;
  char text[64];
  if (count == MD_COUNTED_FRAMES) {
    add_line(lua, text, snprintf(text, sizeof text, "... (%d levels or more)", count));
    return;
  }
  int last = count - MD_LAST_FRAMES;
  add_line(lua, text, snprintf(text, sizeof text, "... (skipping %d levels)", last - first));
  for (int i = last; i < count; i++) add_frame(L, lua, i);
}
