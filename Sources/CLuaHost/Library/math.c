// Mathematics, without a seed that scripts can set: `random` draws from the generator that the host seeds for each
// call.
#include "../host.h"

#include <math.h>

static lua_Number number_argument(lua_State *L, int index) { return luaL_checknumber(L, index); }

static void push_rounded(lua_State *L, lua_Number value) {
  lua_Integer integer;
  if (lua_numbertointeger(value, &integer)) lua_pushinteger(L, integer);
  else lua_pushnumber(L, value);
}

static int math_abs(lua_State *L) {
  if (lua_isinteger(L, 1)) {
    lua_Integer value = lua_tointeger(L, 1);
    lua_pushinteger(L, value < 0 ? (lua_Integer)(0u - (lua_Unsigned)value) : value);
  } else {
    lua_pushnumber(L, fabs(number_argument(L, 1)));
  }
  return 1;
}

static int math_floor(lua_State *L) {
  if (lua_isinteger(L, 1)) lua_settop(L, 1);
  else push_rounded(L, floor(number_argument(L, 1)));
  return 1;
}

static int math_ceil(lua_State *L) {
  if (lua_isinteger(L, 1)) lua_settop(L, 1);
  else push_rounded(L, ceil(number_argument(L, 1)));
  return 1;
}

static int math_fmod(lua_State *L) {
  if (lua_isinteger(L, 1) && lua_isinteger(L, 2)) {
    lua_Integer divisor = lua_tointeger(L, 2);
    luaL_argcheck(L, divisor != 0, 2, "zero");
    lua_pushinteger(L, divisor == -1 ? 0 : lua_tointeger(L, 1) % divisor);
  } else {
    lua_pushnumber(L, fmod(number_argument(L, 1), number_argument(L, 2)));
  }
  return 1;
}

static int math_modf(lua_State *L) {
  lua_Number value = number_argument(L, 1);
  lua_Number whole = value < 0 ? ceil(value) : floor(value);
  lua_pushnumber(L, whole);
  lua_pushnumber(L, value == whole ? 0.0 : value - whole);
  return 2;
}

static int math_tointeger(lua_State *L) {
  int is_integer;
  luaL_checkany(L, 1);
  lua_Integer value = lua_type(L, 1) == LUA_TNUMBER ? lua_tointegerx(L, 1, &is_integer) : (is_integer = 0);
  if (is_integer) lua_pushinteger(L, value);
  else lua_pushnil(L);
  return 1;
}

static int math_type(lua_State *L) {
  luaL_checkany(L, 1);
  if (lua_type(L, 1) == LUA_TNUMBER) lua_pushstring(L, lua_isinteger(L, 1) ? "integer" : "float");
  else lua_pushnil(L);
  return 1;
}

static int math_ult(lua_State *L) {
  lua_pushboolean(L, (lua_Unsigned)luaL_checkinteger(L, 1) < (lua_Unsigned)luaL_checkinteger(L, 2));
  return 1;
}

static int best(lua_State *L, bool want_larger) {
  int count = lua_gettop(L), found = 1;
  luaL_argcheck(L, count >= 1, 1, "number expected");
  md_charge(L, md_host(L), count);
  for (int i = 1; i <= count; i++) {
    luaL_checktype(L, i, LUA_TNUMBER);
    if (want_larger ? lua_compare(L, found, i, LUA_OPLT) : lua_compare(L, i, found, LUA_OPLT)) found = i;
  }
  lua_pushvalue(L, found);
  return 1;
}

static int math_max(lua_State *L) { return best(L, true); }
static int math_min(lua_State *L) { return best(L, false); }

static int math_log(lua_State *L) {
  lua_Number value = number_argument(L, 1);
  if (lua_isnoneornil(L, 2)) {
    lua_pushnumber(L, log(value));
    return 1;
  }
  lua_Number base = number_argument(L, 2);
  lua_pushnumber(L, base == 2.0 ? log2(value) : base == 10.0 ? log10(value) : log(value) / log(base));
  return 1;
}

static int math_atan(lua_State *L) {
  lua_pushnumber(L, atan2(number_argument(L, 1), luaL_optnumber(L, 2, 1)));
  return 1;
}

static int math_sqrt(lua_State *L) { lua_pushnumber(L, sqrt(number_argument(L, 1))); return 1; }
static int math_exp(lua_State *L) { lua_pushnumber(L, exp(number_argument(L, 1))); return 1; }
static int math_sin(lua_State *L) { lua_pushnumber(L, sin(number_argument(L, 1))); return 1; }
static int math_cos(lua_State *L) { lua_pushnumber(L, cos(number_argument(L, 1))); return 1; }
static int math_tan(lua_State *L) { lua_pushnumber(L, tan(number_argument(L, 1))); return 1; }
static int math_asin(lua_State *L) { lua_pushnumber(L, asin(number_argument(L, 1))); return 1; }
static int math_acos(lua_State *L) { lua_pushnumber(L, acos(number_argument(L, 1))); return 1; }
static int math_deg(lua_State *L) { lua_pushnumber(L, number_argument(L, 1) * (180.0 / M_PI)); return 1; }
static int math_rad(lua_State *L) { lua_pushnumber(L, number_argument(L, 1) * (M_PI / 180.0)); return 1; }

// An even draw from 0 … limit, by refusing what lies beyond.
static lua_Unsigned draw(md_lua *lua, lua_Unsigned limit) {
  lua_Unsigned mask = limit;
  for (int shift = 1; shift < 64; shift *= 2) mask |= mask >> shift;
  lua_Unsigned value = md_lua_random(lua) & mask;
  while (value > limit) value = md_lua_random(lua) & mask;
  return value;
}

static int math_random(lua_State *L) {
  md_lua *lua = md_host(L);
  md_charge(L, lua, 4);
  lua_Integer low = 1, high;
  switch (lua_gettop(L)) {
    case 0: lua_pushnumber(L, (lua_Number)(md_lua_random(lua) >> 11) * 0x1p-53); return 1;
    case 1:
      high = luaL_checkinteger(L, 1);
      if (high == 0) {
        lua_pushinteger(L, (lua_Integer)md_lua_random(lua));
        return 1;
      }
      break;
    case 2:
      low = luaL_checkinteger(L, 1);
      high = luaL_checkinteger(L, 2);
      break;
    default: return luaL_error(L, "wrong number of arguments");
  }
  luaL_argcheck(L, low <= high, lua_gettop(L), "interval is empty");
  lua_pushinteger(L, (lua_Integer)(draw(lua, (lua_Unsigned)high - (lua_Unsigned)low) + (lua_Unsigned)low));
  return 1;
}

void md_open_math(lua_State *L) {                            // words
  static const luaL_Reg functions[] = {
    {"abs", math_abs},   {"acos", math_acos}, {"asin", math_asin}, {"atan", math_atan}, {"ceil", math_ceil},
    {"cos", math_cos},   {"deg", math_deg},   {"exp", math_exp},   {"floor", math_floor}, {"fmod", math_fmod},
    {"log", math_log},   {"max", math_max},   {"min", math_min},   {"modf", math_modf}, {"rad", math_rad},
    {"random", math_random}, {"sin", math_sin}, {"sqrt", math_sqrt}, {"tan", math_tan},
    {"tointeger", math_tointeger}, {"type", math_type}, {"ult", math_ult}, {NULL, NULL}};
  lua_createtable(L, 0, 28);
  md_set_functions(L, functions);
  lua_pushnumber(L, M_PI);
  lua_setfield(L, -2, "pi");
  lua_pushnumber(L, HUGE_VAL);
  lua_setfield(L, -2, "huge");
  lua_pushinteger(L, LUA_MAXINTEGER);
  lua_setfield(L, -2, "maxinteger");
  lua_pushinteger(L, LUA_MININTEGER);
  lua_setfield(L, -2, "mininteger");
  lua_setfield(L, -2, "math");
}
