-- Tests of orders.lua and of who hears what it makes: `moondance test` runs them.
test("an order is accepted with its total", function(t)
  t:when("OrderPlaced", "order-1", { items = { "a", "b" }, price = 12.5 })
  t:expect("OrderAccepted", "order-1", { items = 2, total = "12.50 EUR" })
end)

test("an order without items is nobody's order", function(t)
  t:when("OrderPlaced", "order-1", { items = {}, price = 0 })
  t:fails("an order needs items")
  t:never("OrderAccepted")
end)

test("a payment is thanked for, once", function(t)
  t:given("OrderPlaced", "order-1", { items = { "a" }, price = 999 })
  t:when("OrderPaid", "order-1", { price = 999 })
  t:expect("ThankYouSent", "order-1")
  t:never("OrderAccepted")
end)
