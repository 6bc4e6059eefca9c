-- utf8: strict, by code points.
assert(utf8.char(72, 228, 8364, 128512) == 'Hä€😀' and utf8.char() == '' and not pcall(utf8.char, 0xD800) and not pcall(utf8.char, 0x110000))
assert(utf8.len('Hä€😀') == 4 and utf8.len('') == 0 and utf8.len('ä', 3) == 0 and utf8.len('Hä€', 2) == 2)
assert(utf8.len('\xFF') == nil and select(2, utf8.len('ab\xFF')) == 3 and utf8.len('\xED\xA0\x80') == nil)
assert(utf8.codepoint('ä') == 228 and select('#', utf8.codepoint('Hä€', 1, -1)) == 3 and not pcall(utf8.codepoint, 'ä', 2))
assert(utf8.offset('Hä€x', 3) == 4 and utf8.offset('Hä€x', -1) == 7 and utf8.offset('Hä€x', 5) == 8 and utf8.offset('Hä€x', 6) == nil)
assert(utf8.offset('Hä€x', 0, 5) == 4 and not pcall(utf8.offset, 'ä', 1, 2))
local seen = {}
for p, c in utf8.codes('aä€') do seen[#seen + 1] = p .. ':' .. c end
assert(table.concat(seen, ' ') == '1:97 2:228 4:8364')
assert(not pcall(function() for _ in utf8.codes('a\xFFb') do end end))
assert(not pcall(function() for _ in utf8.codes('a\x80b') do end end))
local count = 0
for c in ('Hä€😀'):gmatch(utf8.charpattern) do count = count + 1 end
assert(count == 4 and '\u{20AC}' == '€')
