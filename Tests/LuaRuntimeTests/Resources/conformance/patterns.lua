-- Patterns; the generated comparison with the library covers the rest.
assert(('hello world'):find('wor') == 7 and select(2, ('hello'):find('l+')) == 4 and ('hello'):find('xyz') == nil)
assert(('a.b'):find('.', 1, true) == 2 and ('a.b'):find('%.') == 2 and ('abc'):find('b', -1) == nil and ('abc'):find('', 10) == nil)
assert(('abc'):find('', 4) == 4 and ('key = value'):match('^(%w+)%s*=%s*(%w+)$') == 'key')
assert(select(2, ('key = value'):match('^(%w+)%s*=%s*(%w+)$')) == 'value' and ('x'):match('()') == 1)
assert(('THE (quick) fox'):find('%((%a+)%)') == 5 and ('f(a(b)c)d'):match('%b()') == '(a(b)c)')
assert(('THE (quick) fox'):gsub('%f[%a]%a+', 'X') == 'X (X) X' and ('abab'):match('(a)(b)%1%2') == 'a')
assert(('abc'):gsub('%w', '%0%0') == 'aabbcc' and ('abc'):gsub('', '-') == '-a-b-c-' and select(2, ('aaa'):gsub('a', 'b', 2)) == 2)
assert(('$name is $age'):gsub('%$(%w+)', {name = 'Ann', age = 7}) == 'Ann is 7')
assert(('abc'):gsub('%w', function(c) if c == 'b' then return false end return c:upper() end) == 'AbC')
assert(not pcall(string.gsub, 'a', 'a', '%2') and not pcall(string.gsub, 'a', 'a', '%x'))
assert(not pcall(string.gsub, 'a', 'a', function() return {} end) and not pcall(string.gsub, 'a', 'a'))
local words = {}
for k, v in ('a=1, b=2'):gmatch('(%w+)=(%w+)') do words[#words + 1] = k .. v end
assert(table.concat(words) == 'a1b2')
words = {}
for w in ('one  two'):gmatch('%a*') do words[#words + 1] = '<' .. w .. '>' end
assert(table.concat(words) == '<one><><two>', table.concat(words))
for w in ('abc'):gmatch('%w', 3) do assert(w == 'c') end
assert(('é'):match('[\xC0-\xFF][\x80-\xBF]') == 'é' and ('a\0b'):find('\0') == 2 and ('a\0b'):match('%z') == nil)
assert(('x'):rep(1000):match('.-$'):len() == 1000 and ('x'):rep(100000):match('^x*$'):len() == 100000)
local ok, message = pcall(string.find, ('x'):rep(300), ('(x?)'):rep(33))
assert(not ok and message:find('too many captures'))
ok, message = pcall(string.find, 'x', ('x?'):rep(300))
assert(not ok and message:find('too complex') or ok)
-- a replacement may itself replace
local function nest(n) return n == 0 and 'x' or (('a'):gsub('a', function() return nest(n - 1) .. '!' end)) end
assert(nest(20) == 'x' .. ('!'):rep(20))
local partial = pcall(string.gsub, 'abc', '%w', function(c) if c == 'b' then error('stop') end return ('y'):rep(1000) end)
assert(not partial and ('abc'):gsub('b', 'B') == 'aBc')
