--[==[ a long
comment ]] ]==]
local money = require "lib.money"
local x <const>, y = 0x1p4, [[
long ]=] string]]
local t = { 1, 2; a = 'b\z
   c', ["k"] = -1e-3, [3] = function(...) return ... end, { { } } }
goto done
for k, v in pairs(t) do while x do repeat local z = ~1 // 2 >> 3 until not z break end end
function t.a.b:c(...) return self, ..., #t == 1 and "x" .. 'y' or nil end
::done::
consumer "all" { on = { T = function(e) if e.data then emit("U", "s", t) elseif x then emit "V" else return end end } }
