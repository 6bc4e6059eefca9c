-- How a process takes back what it has done: the last compensation first. `compensation` is the host's: it gives the next.

function undo()
  local take_back = compensation()
  while take_back do
    take_back()
    take_back = compensation()
  end
end
