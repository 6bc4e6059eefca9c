-- The words that declare. `word "name" { … }` and `word("name", { … })` mean the same; a name without a body is found
-- when the file has ended.
--
-- Globals here are the host's: `words` (what scripts see), `where`, and the functions `begin` and `finish`, which keep
-- and check what was declared.

local function declaration(word)
  words[word] = function(name, ...)
    local number = begin(word, where(2), name)
    if words.select("#", ...) > 0 then
      finish(number, where(2), (...))
      return
    end
    return function(body) finish(number, where(2), body) end
  end
end

declaration "consumer"
declaration "rule"
declaration "aggregate"
declaration "contract"
declaration "projection"
declaration "destination"
declaration "process"
declaration "source"
declaration "schedule"
