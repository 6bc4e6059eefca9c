-- Idea: a projection. It reacts with nothing; it keeps a document for each order, folded from everything that happened to
-- it, for whoever asks: `moondance view overview order-990001`, `moondance view overview --where status=paid`, or any
-- SQLite: `sqlite3 data/views.db 'select status, count(*) from overview group by status'`.
projection "overview" {
  key = { PackageSent = "data.orders", PackageDelivered = "data.orders" },
  initial = { picked = 0 },
  on = {
    OrderPlaced = function(order, event)
      order.status, order.items, order.price = "placed", #event.data.items, event.data.price
    end,
    ItemPicked       = function(order) order.picked = order.picked + 1 end,
    PackageSent      = function(order, event) order.package = event.subject end,
    PackageDelivered = function(order) order.delivered = true end,
    OrderPaid        = function(order) order.status = "paid" end,
  },
  index = { "status" },
}
