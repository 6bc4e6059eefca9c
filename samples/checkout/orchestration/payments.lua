-- Idea: the money of one card, with a limit that no order of commands can break.
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
      if card.charged + command.data.amount > card.limit then reject("the card is declined") end
      emit("CardCharged", { amount = command.data.amount, order = command.data.order })
    end,
    RefundCard = function(card, command)
      emit("CardRefunded", { amount = command.data.amount, order = command.data.order })
    end,
  },
}
