-- Numbers and math.
assert(7 // 2 == 3 and -7 // 2 == -4 and 7 % -3 == -2 and 7.5 // 2 == 3.0 and 1e308 * 10 == math.huge and 2^2 == 4.0)
assert(math.maxinteger + 1 == math.mininteger and math.mininteger // -1 == math.mininteger and 1 == 1.0 and 3 | 4 == 7)
assert(not pcall(function() return 1 // 0 end) and not pcall(function() return 1.5 | 1 end) and 1.0 // 0 == math.huge)
assert(not pcall(function() return '1' + 1 end), 'text is not a number')
assert(math.floor(3.7) == 3 and math.floor(-3.7) == -4 and math.ceil(3.2) == 4 and math.type(math.floor(3.7)) == 'integer')
assert(math.floor(1e300) == 1e300 and math.floor(5) == 5 and math.abs(-3) == 3 and math.abs(math.mininteger) == math.mininteger)
assert(math.max(1, 2.5) == 2.5 and math.min(3, 1, 2) == 1 and math.type(math.max(1, 2)) == 'integer' and not pcall(math.max))
assert(math.sqrt(16) == 4.0 and math.exp(0) == 1.0 and math.log(8, 2) == 3.0 and math.log(100, 10) == 2.0 and math.sin(0) == 0.0)
assert(math.fmod(-7, 3) == -1 and math.fmod(7.5, 2) == 1.5 and math.fmod(5, -1) == 0 and not pcall(math.fmod, 1, 0))
assert(math.modf(3.7) == 3.0 and select(2, math.modf(-1/0)) == 0.0 and math.tointeger(3.0) == 3 and math.tointeger(3.5) == nil)
assert(math.tointeger('3') == nil and math.type(1) == 'integer' and math.type(1.0) == 'float' and math.type('1') == nil)
assert(math.ult(1, -1) and not math.ult(-1, 1) and math.pi > 3.14 and math.huge == 1/0 and math.atan(1, 0) == math.pi / 2)
for _ = 1, 200 do
  local x, n, r = math.random(), math.random(10), math.random(-3, 3)
  assert(x >= 0 and x < 1 and n >= 1 and n <= 10 and math.type(n) == 'integer' and r >= -3 and r <= 3)
end
assert(math.type(math.random(0)) == 'integer' and math.random(5, 5) == 5 and not pcall(math.random, 0, -1) and not pcall(math.random, 1, 2, 3))
assert(math.random(math.mininteger, math.maxinteger) ~= nil)
local n = 0
for i = 10, 1, -3 do n = n + i end
for i = 1.0, 2.0, 0.5 do n = n + i end
for i = math.maxinteger - 1, math.maxinteger do n = n + 1 end
assert(n == 22 + 4.5 + 2)
