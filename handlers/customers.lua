-- Idea: choreography. This file hears facts of other scripts (OrderShipped comes from shipping.lua) and nobody had to
-- tell them. When a call fails it is tried again as `retry` says; after the last attempt a message is not worth
-- holding up the next one of the same order, so `exhausted = "skip"`.
local money = require "lib.money"

consumer "customers" {
  retry     = { attempts = 5, first = "1s", factor = 3, cap = "10m" },
  exhausted = "skip",
  on = {
    OrderShipped = function(event)
      emit("CustomerNotified", { text = "Your order is on its way in " .. event.data.package })
    end,
    PaymentReminded = function(event)
      emit("CustomerNotified", { text = "Please pay " .. money.text(event.data.price) })
    end,
    OrderPaid = function(event)
      emit("ThankYouSent", { text = "Thank you for " .. money.text(event.data.price) })
    end,
  },
}
