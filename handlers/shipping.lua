-- Idea: keys. A package carries several orders, so each package event is handled once for each of them, in order
-- with everything else that happens to that order; `event.key` says which order it is this time.
consumer "shipping" {
  key = "data.orders",
  on = {
    PackageSent = function(event)
      emit("OrderShipped", { package = event.subject }, { subject = event.key })
    end,
    PackageDelivered = function(event)
      emit("OrderDelivered", { package = event.subject }, { subject = event.key })
    end,
  },
}
