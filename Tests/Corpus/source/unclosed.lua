consumer "a" { on = { T = function(e) if x then [[ 
 "a\