-- Idea: an event arrives, a handler reacts with a fact of its own.
-- The subject of the new event is the subject of the one it answers: the order.
local money = require "lib.money"

consumer "orders" {
  on = {
    OrderPlaced = function(event)
      local items = event.data.items
      -- Trying again would not help: `fail` gives up at once, and only this order waits for somebody to look at it.
      if #items == 0 then fail("an order needs items") end
      emit("OrderAccepted", { items = #items, total = money.text(event.data.price) })
    end,
  },
}
