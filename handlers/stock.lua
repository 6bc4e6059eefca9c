-- Idea: one event, several facts, each about a subject of its own.
consumer "stock" {
  on = {
    ItemOutOfStock = function(event)
      for _, item in ipairs(event.data.items) do
        emit("ReplenishmentRequested", { order = event.subject }, { subject = item })
      end
    end,
  },
}
