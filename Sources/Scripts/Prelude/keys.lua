-- Keys by path: a function that follows names into an event and gives what stands there, or nil.

local type = words.type

function follow(...)
  local names = { ... }
  local count = #names
  return function(event)
    local value = event
    for i = 1, count do
      if type(value) ~= "table" then return nil end
      value = value[names[i]]
    end
    return value
  end
end
