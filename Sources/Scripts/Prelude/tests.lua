-- The word of the files that end in _test.lua: `test(name, function(t) … end)`. A test says what happens and what is
-- expected; the host notes it down and plays it afterwards, several times.
--
-- Globals here are the host's: `words` (what scripts see), `where`, and the functions `declare`, `note` and `unknown`.

local t = {}

local function step(word)
  t[word] = function(self, ...) note(where(2), word, self == t, ...) end
end

step "given"
step "when"
step "send"
step "expect"
step "never"
step "rejects"
step "fails"
step "view"
step "published"
step "answer"
step "advance"
step "at"

words.setmetatable(t, { __index = function(_, name) unknown(where(2), name) end })

words.test = function(name, body) declare(where(2), name, body) end

stage = t
