-- What `when` and `unless` of a rule are made of.

local type, error = words.type, words.error

local function listing(word)
  words[word] = function(list)
    if type(list) ~= "table" then
      error(word .. " wants a list of event types\n  write " .. word .. ' { "OrderPlaced", "OrderChanged" }', 2)
    end
    return { [word] = list }
  end
end

listing "any"
listing "all"
