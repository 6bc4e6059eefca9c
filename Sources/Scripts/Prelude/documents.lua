-- How a projection's function is called: what it returns takes the place of the document that it was given.

function fold(handler, document, event)
  local result = handler(document, event)
  if result == nil then return document end
  return result
end
