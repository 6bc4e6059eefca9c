-- Metamethods that are offered, and what setmetatable keeps.
local calls = {}
local mt = {
  __add = function(a, b) return 'add' end, __sub = function() return 'sub' end, __mul = function() return 'mul' end,
  __div = function() return 'div' end, __mod = function() return 'mod' end, __pow = function() return 'pow' end,
  __unm = function() return 'unm' end, __idiv = function() return 'idiv' end, __band = function() return 'band' end,
  __bor = function() return 'bor' end, __bxor = function() return 'bxor' end, __shl = function() return 'shl' end,
  __shr = function() return 'shr' end, __bnot = function() return 'bnot' end, __len = function() return 42 end,
  __eq = function() return true end, __lt = function() return true end, __le = function() return false end,
  __call = function(self, ...) return select('#', ...) end, __index = function(_, k) return k end,
  __newindex = function(t, k, v) rawset(t, k, v * 2) end, __concat = function() return 'concat' end,
  __gc = function() calls.gc = true end, __close = function() calls.close = true end, __mode = 'k', __metatable = 'locked',
}
local a, b = setmetatable({}, mt), setmetatable({}, mt)
assert(a + 1 == 'add' and 1 - a == 'sub' and a * a == 'mul' and a / 2 == 'div' and a % 2 == 'mod' and a ^ 2 == 'pow')
assert(-a == 'unm' and a // 2 == 'idiv' and a & 1 == 'band' and a | 1 == 'bor' and a ~ 1 == 'bxor' and a << 1 == 'shl')
assert(a >> 1 == 'shr' and ~a == 'bnot' and #a == 42 and a == b and a < b and not (a <= b) and a(1, 2, 3) == 3)
assert(a.name == 'name' and rawlen(a) == 0 and not rawequal(a, b))
a.x = 4
assert(rawget(a, 'x') == 8)
assert(not pcall(function() return a .. 'x' end))
do local closing <close> = nil end
assert(not pcall(function() local closing <close> = a end) and not calls.close)

-- getmetatable gives the script's own table; changing it later changes no metamethod
assert(getmetatable(a) == mt)
mt.__add = function() return 'changed' end
assert(a + 1 == 'add')
setmetatable(a, mt)
assert(a + 1 == 'changed' and b + 1 == 'add')
assert(setmetatable(a, nil) == a and getmetatable(a) == nil and a.missing == nil)
assert(getmetatable('x') == nil and getmetatable(1) == nil and getmetatable(nil) == nil)
assert(not pcall(setmetatable, 1, {}) and not pcall(setmetatable, {}) and not pcall(setmetatable, {}, 1))
assert(not pcall(getmetatable))

-- inheritance
local Animal = {} Animal.__index = Animal
function Animal.new(name) return setmetatable({name = name}, Animal) end
function Animal:speak() return self.name .. ' speaks' end
local Dog = setmetatable({}, {__index = Animal}) Dog.__index = Dog
function Dog:bark() return self.name .. ' barks' end
local rex = setmetatable({name = 'Rex'}, Dog)
assert(rex:bark() == 'Rex barks' and rex:speak() == 'Rex speaks' and Animal.new('Tom'):speak() == 'Tom speaks')

-- a list stays one under a metatable
local list = setmetatable(array {}, {__index = {}})
assert(json.encode(list) == '[]' and json.encode(setmetatable(list, nil)) == '[]')
