-- Idea: an aggregate guards the shelf, and tells the order what it has decided: one command, two facts, one commit.
aggregate "stock" {
  initial = { free = 0 },
  events = {
    GoodsReceived = function(shelf, event) shelf.free = shelf.free + event.data.qty end,
    StockReserved = function(shelf, event) shelf.free = shelf.free - event.data.qty end,
    StockReleased = function(shelf, event) shelf.free = shelf.free + event.data.qty end,
  },
  commands = {
    ReceiveGoods = function(shelf, command) emit("GoodsReceived", { qty = command.data.qty }) end,
    ReserveStock = function(shelf, command)
      local qty, order = command.data.qty, command.data.order
      if shelf.free < qty then reject("only " .. shelf.free .. " left") end
      emit("StockReserved", { qty = qty, order = order })
      emit("OrderReserved", { sku = command.subject, qty = qty }, { subject = order })
    end,
    ReleaseStock = function(shelf, command)
      emit("StockReleased", { qty = command.data.qty, order = command.data.order })
    end,
  },
}

-- Whoever places an order has the stock reserved; a refusal comes back as moondance.rejected on the order.
consumer "reserve" {
  on = {
    OrderPlaced = function(event)
      send("ReserveStock", { order = event.subject, qty = event.data.qty }, { to = event.data.sku })
    end,
  },
}
