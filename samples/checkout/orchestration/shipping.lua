-- Idea: an aggregate that decides by what a command says alone.
local served = { Berlin = true, Hamburg = true, Lisbon = true }

aggregate "shipment" {
  events   = { ShipmentBooked = function(shipment) shipment.isBooked = true end,
               ShipmentCancelled = function(shipment) shipment.isBooked = false end },
  commands = {
    BookShipment = function(shipment, command)
      if not served[command.data.city] then reject("nobody drives to " .. command.data.city) end
      emit("ShipmentBooked", { city = command.data.city, order = command.data.order })
    end,
    CancelShipment = function(shipment, command) emit("ShipmentCancelled", { order = command.data.order }) end,
  },
}
