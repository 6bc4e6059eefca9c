-- Idea: what several scripts need is a module. `require "lib.money"` runs this file once and gives what it returns.
local money = {}

-- Amounts are numbers with cents behind the point; count in whole cents, since 0.1 + 0.2 is not 0.3.
function money.cents(amount)
  return math.floor(amount * 100 + 0.5)
end

function money.text(amount)
  local cents = money.cents(amount)
  return string.format("%d.%02d EUR", cents // 100, cents % 100)
end

return money
