-- The basic functions, as the manual says.
assert(select('#') == 0 and select('#', nil, nil) == 2 and select(2, 'a', 'b', 'c') == 'b' and select(-1, 'a', 'b') == 'b')
assert(not pcall(select, 0) and not pcall(select, -2, 1) and select(5, 1, 2) == nil)
assert(tonumber('10') == 10 and tonumber(' 0x10 ') == 16 and tonumber('1e1') == 10.0 and tonumber('10', 2) == 2)
assert(tonumber('zz', 36) == 1295 and tonumber('8', 8) == nil and tonumber('') == nil and tonumber('1 2') == nil)
assert(tonumber('-ff', 16) == -255 and tonumber({}) == nil and tonumber(nil) == nil and tonumber('1\0') == nil)
assert(not pcall(tonumber) and not pcall(tonumber, '1', 1) and not pcall(tonumber, 10, 10))
assert(tostring(1) == '1' and tostring(1.0) == '1.0' and tostring(-0.0) == '-0.0' and tostring(1e15) == '1e+15')
assert(tostring(2^53) == '9.007199254741e+15' and tostring(1/0) == 'inf' and tostring(-1/0) == '-inf' and tostring(0/0) == 'nan')
assert(tostring(nil) == 'nil' and tostring(true) == 'true' and tostring({}) == 'table' and tostring(tostring) == 'function')
assert(tostring(setmetatable({}, {__name = 'Point'})) == 'Point')
assert(tostring(setmetatable({}, {__tostring = function() return 'mine' end})) == 'mine')
assert(type(nil) == 'nil' and type(null) == 'null' and type(1) == 'number' and type(type) == 'function' and not pcall(type))
assert(rawequal('a', 'a') and not rawequal({}, {}) and rawlen({1, 2}) == 2 and rawlen('abc') == 3 and not pcall(rawlen, 1))
local t = setmetatable({}, {__index = function() return 1 end, __newindex = function() end})
t.x = 5
assert(rawget(t, 'x') == nil and t.x == 1 and rawset(t, 'x', 2) == t and rawget(t, 'x') == 2)

-- pcall, error, assert
assert(select('#', pcall(function() return nil, nil end)) == 3)
local ok, message = pcall(error, 'plain')
assert(not ok and message == 'plain')
ok, message = pcall(function() error('here') end)
assert(message == 'basics.lua:23: here', message)
ok, message = pcall(function() error('here', 0) end)
assert(message == 'here')
local function blames() error('caller', 2) end
ok, message = pcall(function() blames() end)
assert(message == 'basics.lua:28: caller', message)
local object = {}
ok, message = pcall(error, object)
assert(message == object)
ok, message = pcall(error)
assert(not ok and message == nil)
ok, message = pcall(assert, false, 'reason', 1)
assert(message == 'reason')
ok, message = pcall(assert, nil)
assert(message == 'assertion failed!')
assert(select('#', assert(1, 2, 3)) == 3 and not pcall(assert))
assert(pcall(pcall, error, 'x') == true)

-- ipairs, pairs, next
local seen = {}
for i, v in ipairs({'a', 'b', nil, 'd'}) do seen[#seen + 1] = i .. v end
assert(table.concat(seen) == '1a2b')
seen = {}
for i, v in ipairs(setmetatable({}, {__index = function(_, i) if i < 4 then return i * i end end})) do seen[i] = v end
assert(#seen == 3 and seen[3] == 9)
seen = {}
for k, v in pairs({b = 2, a = 1, [10] = 10, [2] = 2, [1.5] = 1.5, [-1] = -1, [true] = 't', [false] = 'f'}) do
  seen[#seen + 1] = tostring(k)
end
assert(table.concat(seen, ' ') == '-1 1.5 2 10 a b false true', table.concat(seen, ' '))
local removed = {a = 1, b = 2, c = 3}
seen = {}
for k in pairs(removed) do removed.b = nil removed.d = 4 seen[#seen + 1] = k end
assert(table.concat(seen) == 'ac')
for k, v in pairs({10, 20, 30}) do assert(v == k * 10) end
assert(next({}) == nil and select(2, next({b = 1, a = 2})) == 2 and not pcall(next, {1}, 1) and not pcall(next))
assert(not pcall(pairs) and not pcall(pairs, nil) and not pcall(ipairs))
local key = {}
for k, v in pairs({[key] = 1}) do assert(k == key and v == 1) end
assert(not pcall(pairs, {[{}] = 1, [{}] = 2}))
