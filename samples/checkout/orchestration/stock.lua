-- Idea: an aggregate guards an invariant: what is not on the shelf cannot be reserved. One subject for each article.
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
      if shelf.free < command.data.qty then reject("only " .. shelf.free .. " left") end
      emit("StockReserved", { qty = command.data.qty, order = command.data.order })
    end,
    ReleaseStock = function(shelf, command)
      emit("StockReleased", { qty = command.data.qty, order = command.data.order })
    end,
  },
}
