-- The table functions.
local t = {1, 2, 3}
table.insert(t, 4)
table.insert(t, 1, 0)
assert(table.concat(t, ',') == '0,1,2,3,4' and table.remove(t) == 4 and table.remove(t, 1) == 0 and #t == 3)
table.insert(t, 4, 'end')
assert(t[4] == 'end' and table.remove(t, 4) == 'end' and table.remove(t, 4) == nil and table.remove({}) == nil)
assert(not pcall(table.insert, t, 6, 1) and not pcall(table.insert, t, 0, 1) and not pcall(table.insert, t))
assert(not pcall(table.remove, t, 6) and not pcall(table.insert, nil, 1) and not pcall(table.insert, t, 1, 2, 3))
assert(table.concat({}) == '' and table.concat({1, 'b', 2.5}, '-') == '1-b-2.5' and table.concat({1, 2, 3}, ',', 2) == '2,3')
assert(table.concat({1, 2, 3}, ',', 2, 2) == '2' and table.concat({1, 2}, ',', 3, 2) == '' and not pcall(table.concat, {{}}))
local packed = table.pack(nil, 2, nil)
assert(packed.n == 3 and packed[2] == 2 and select('#', table.unpack(packed, 1, packed.n)) == 3)
assert(select('#', table.unpack({}, 1, 0)) == 0 and select(2, table.unpack({1, 2})) == 2 and table.unpack({1, 2}, 2) == 2)
local m = table.move({1, 2, 3}, 1, 3, 2)
assert(table.concat(m, ',') == '1,1,2,3')
m = table.move({1, 2, 3}, 2, 3, 1)
assert(table.concat(m, ',') == '2,3,3' and table.concat(table.move({1, 2}, 1, 2, 3, {9, 9}), ',') == '9,9,1,2')
assert(#table.move({1, 2}, 1, 0, 5) == 2)

-- sort: any order, stable, with a comparison and without
local numbers = {}
for i = 1, 200 do numbers[i] = (i * 7919) % 211 end
table.sort(numbers)
for i = 2, #numbers do assert(numbers[i - 1] <= numbers[i]) end
table.sort(numbers, function(a, b) return a > b end)
for i = 2, #numbers do assert(numbers[i - 1] >= numbers[i]) end
local words = {'b', 'a', 'B', 'ab', '', 'é', 'a\0'}
table.sort(words)
assert(table.concat(words, '|') == '|B|a|a\0|ab|b|é')
local pairs_of = {}
for i = 1, 50 do pairs_of[i] = {key = i % 5, place = i} end
table.sort(pairs_of, function(a, b) return a.key < b.key end)
for i = 2, 50 do
  local p, q = pairs_of[i - 1], pairs_of[i]
  assert(p.key < q.key or (p.key == q.key and p.place < q.place))
end
assert(not pcall(table.sort, {1, 'a'}) and not pcall(table.sort, {3, 2, 1}, 'x'))
for length = 0, 9 do
  local small = {}
  for i = 1, length do small[i] = (i * 5) % 7 end
  table.sort(small)
  for i = 2, length do assert(small[i - 1] <= small[i]) end
end
-- no metamethod decides how long a table is
local lying = setmetatable({1, 2}, {__len = function() return 1e9 end})
table.insert(lying, 3)
assert(rawlen(lying) == 3 and table.concat(lying, ',') == '1,2,3' and select('#', table.unpack(lying)) == 3)
