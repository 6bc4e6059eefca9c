-- Idea: what a handler needs to know of the past it reads: the order as it was placed.
aggregate "card" {
  initial = { limit = 0, charged = 0 },
  events = {
    CardIssued   = function(card, event) card.limit = event.data.limit end,
    CardCharged  = function(card, event) card.charged = card.charged + event.data.amount end,
    CardRefunded = function(card, event) card.charged = card.charged - event.data.amount end,
  },
  commands = {
    IssueCard  = function(card, command) emit("CardIssued", { limit = command.data.limit }) end,
    ChargeCard = function(card, command)
      local amount, order = command.data.amount, command.data.order
      if card.charged + amount > card.limit then reject("the card is declined") end
      emit("CardCharged", { amount = amount, order = order })
      emit("OrderCharged", { card = command.subject, amount = amount }, { subject = order })
    end,
    RefundCard = function(card, command)
      emit("CardRefunded", { amount = command.data.amount, order = command.data.order })
    end,
  },
}

consumer "charge" {
  reads = { "wishes" },
  on = {
    OrderReserved = function(event)
      local wish = read("wishes", event.subject)
      send("ChargeCard", { order = event.subject, amount = wish.price }, { to = wish.card })
    end,
  },
}
