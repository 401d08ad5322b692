-- SPDX-License-Identifier: Apache-2.0
-- Asks 100,000 URLs in an order that repeats in every run; the requests are made beforehand.
local requests, next = {}, 0

function init()
   for number = 0, 99999 do requests[number] = wrk.format("GET", "/b/1000/" .. (number * 70001 % 100000)) end
end

function request()
   next = (next + 1) % 100000
   return requests[next]
end
