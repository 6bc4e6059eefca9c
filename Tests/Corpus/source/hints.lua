consumer "stock" {
  from = "now",
  retry = { attempts = 8, first = "200ms", factor = 2, cap = "5m", jitter = 0.2 },
  key = "data.order",
  on = {
    OrderPlaced = function(event)
      local left = (event.data.qty or 0) - 1
      if left != 0 then left += 1 end
      emit("OrderConfirmed", event.subject, { qty = left })
    end
    ["order.placed"] = function(event) fail("no") end,
    order.placed = function(event) end,
  }
}
consumer("hello", { on = { ["Payment*"] = function(e) log("x") end } })
