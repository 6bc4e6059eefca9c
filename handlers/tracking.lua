-- Idea: patterns. "Package*" hears every type that begins so; an exact type goes before it.
local status = {
  PackageSent      = "on its way",
  PackageDelivered = "delivered",
}

consumer "tracking" {
  on = {
    ["Package*"] = function(event)
      emit("TrackingUpdated", { status = status[event.type] or "unknown" })
    end,
    PackageCreated = function() end,    -- not worth telling anybody
    DeliveryFailed = function(event)
      log.warn("delivery failed", event.subject)
      emit("TrackingUpdated", { status = "we try again tomorrow" })
    end,
  },
}
