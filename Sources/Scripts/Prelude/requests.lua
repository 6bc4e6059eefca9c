-- How a source's function is called: the body is a value of its own, which may be of any kind.

function receive(event, request, body, raw)
  request.body = body
  request.raw = raw
  local made = event(request)
  return made
end
