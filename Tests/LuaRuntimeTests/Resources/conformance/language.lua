-- The language itself inside the sandbox: closures, varargs, goto, integer loops, methods, constants.
local function counter() local n = 0 return function() n = n + 1 return n end end
local c, d = counter(), counter()
assert(c() == 1 and c() == 2 and d() == 1)
local function sum(...) local s = 0 for i = 1, select('#', ...) do s = s + (select(i, ...)) end return s, ... end
assert(sum() == 0 and sum(1, 2, 3) == 6 and select(2, sum(4)) == 4)
local out = {}
for i = 1, 5 do
  if i % 2 == 0 then goto continue end
  out[#out + 1] = i
  ::continue::
end
assert(table.concat(out) == '135')
local function fact(n) if n < 2 then return 1 end return n * fact(n - 1) end
assert(fact(20) == 2432902008176640000)
local function loop(n) if n == 0 then return 'done' end return loop(n - 1) end
assert(loop(100000) == 'done')
local deep = 0
local function recurse() deep = deep + 1 return 1 + recurse() end
local ok, message = pcall(recurse)
assert(not ok and message:find('stack overflow') and deep > 1000)
local x <const> = 5
do local y <close> = nil assert(x == 5) end
local env = {}
do local _ENV = env z = 1 end
assert(env.z == 1 and z == nil)
global = 'mine'
assert(global == 'mine' and _ENV.global == 'mine' and rawget(_ENV, 'global') == 'mine')
local t = {[1] = 'a', 'b', n = {m = function(self, v) return v end}}
assert(t[1] == 'b' and t.n:m(3) == 3 and #'\z
  abc' == 3 and [[
line]] == 'line' and 0x.8p1 == 1.0 and 0xffffffffffffffff == -1)
assert(not pcall(function() local a; a.b.c = 1 end) and not pcall(function() undefined() end))
local ok2, why = pcall(function() undefined.field = 1 end)
assert(why == "language.lua:36: attempt to index a nil value (global 'undefined')", why)
assert(1 < 2 and not (2 < 1) and 'a' ~= 'b' and not (1 == '1') and (nil or 'x') == 'x' and (false and 1) == false)
