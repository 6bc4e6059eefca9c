-- Idea: choreography. Nobody is in charge: rules join what others have done, and a consumer that remembers what was done
-- for an order undoes it when something fails. The same story as one process is in ../orchestration; docs/coordination.md
-- says when to use which.
projection "wishes" {
  on = { OrderPlaced = function(wish, event) return event.data end },
}

rule "ready" {
  when = all { "OrderCharged", "OrderBooked" }, within = "15m", emit = "OrderReady", otherwise = "OrderStalled",
}

rule "complete" {
  when = all { "OrderReady", "ParcelHandedOver" }, within = "2d", emit = "OrderComplete", otherwise = "OrderStalled",
  data = function(heard) return { parcel = heard.ParcelHandedOver and heard.ParcelHandedOver.data.parcel } end,
}

-- What was done for an order, and how it is undone: the last first. What comes after the failure is undone at once.
local function did(event, memory, command, data, to)
  data.order = event.subject
  if memory.failed then return send(command, data, { to = to }) end
  memory.done[#memory.done + 1] = { command = command, data = data, to = to }
end

local function undo(event, memory, reason)
  if memory.failed or memory.confirmed then return end
  for i = #memory.done, 1, -1 do
    local step = memory.done[i]
    send(step.command, step.data, { to = step.to })
  end
  memory.done, memory.failed = array {}, true
  emit("OrderFailed", { reason = reason })
end

-- Of an order that is complete and cancelled at the same moment, the first in the log decides.
consumer "verdict" {
  state = { done = array {}, failed = false, confirmed = false },
  on = {
    OrderReserved = function(event, memory)
      did(event, memory, "ReleaseStock", { qty = event.data.qty }, event.data.sku)
    end,
    OrderCharged = function(event, memory)
      did(event, memory, "RefundCard", { amount = event.data.amount }, event.data.card)
    end,
    OrderBooked = function(event, memory) did(event, memory, "CancelShipment", {}, event.data.shipment) end,
    OrderComplete = function(event, memory)
      if memory.failed then return end
      memory.confirmed = true
      emit("OrderConfirmed", { parcel = event.data.parcel })
    end,
    ["moondance.rejected"] = function(event, memory) undo(event, memory, event.data.reason) end,
    OrderStalled   = function(event, memory) undo(event, memory, "it took too long") end,
    OrderCancelled = function(event, memory) undo(event, memory, "it was cancelled") end,
  },
}
