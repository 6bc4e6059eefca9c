-- Idea: two reactions to one fact go side by side. The shipment is booked while the card is charged.
local served = { Berlin = true, Hamburg = true, Lisbon = true }

aggregate "shipment" {
  events   = { ShipmentBooked = function(shipment) shipment.isBooked = true end,
               ShipmentCancelled = function(shipment) shipment.isBooked = false end },
  commands = {
    BookShipment = function(shipment, command)
      if not served[command.data.city] then reject("nobody drives to " .. command.data.city) end
      emit("ShipmentBooked", { city = command.data.city, order = command.data.order })
      emit("OrderBooked", { shipment = command.subject }, { subject = command.data.order })
    end,
    CancelShipment = function(shipment, command) emit("ShipmentCancelled", { order = command.data.order }) end,
  },
}

consumer "book" {
  reads = { "wishes" },
  on = {
    OrderReserved = function(event)
      local wish = read("wishes", event.subject)
      send("BookShipment", { order = event.subject, city = wish.city }, { to = "shipment-" .. event.subject })
    end,
  },
}
