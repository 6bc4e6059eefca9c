-- Idea: orchestration. One process says from beginning to end what happens to an order, and beside each step how it is
-- undone: when a later one fails, `rollback` runs what was said, the last first. The same story as choreography is in
-- ../choreography; docs/coordination.md says when to use which.
process "checkout" {
  starts = "OrderPlaced",
  aborts = { "OrderCancelled" },
  hears  = { "ParcelHandedOver" },
  run = function(order)
    local id, wanted = order.subject, order.data
    local reserved, why = ask("ReserveStock", { order = id, qty = wanted.qty }, { to = wanted.sku })
    if not reserved then rollback(why, "OrderFailed") end
    compensate(function() ask("ReleaseStock", { order = id, qty = wanted.qty }, { to = wanted.sku }) end)

    local charged, why = ask("ChargeCard", { order = id, amount = wanted.price }, { to = wanted.card })
    if not charged then rollback(why, "OrderFailed") end
    compensate(function() ask("RefundCard", { order = id, amount = wanted.price }, { to = wanted.card }) end)

    local booked, why = ask("BookShipment", { order = id, city = wanted.city }, { to = "shipment-" .. id })
    if not booked then rollback(why, "OrderFailed") end
    compensate(function() ask("CancelShipment", { order = id }, { to = "shipment-" .. id }) end)

    local parcel = await { "ParcelHandedOver", within = "2d" }
    if not parcel then rollback("the parcel was not handed over", "OrderFailed") end
    emit("OrderConfirmed", { parcel = parcel.data.parcel })
  end,
}
