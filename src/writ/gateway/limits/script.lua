-- Decides all limits of one request at once: either every one of them has room and is counted, or none is.
--
-- KEYS  1 the revision of the policies  2 how the names of the hours' counts begin
--       3 a key that is only read, for the caller ('' for none)  4… one counter for each rule
-- ARGV  1 the revision that the caller's rules are made from  2 'take', or 'look' to count nothing
--       3 the time in milliseconds since 1970 ('' for this server's)  4 the field of the hour's count ('' for none)
--       5… four for each rule: 'steady' or 'burst', amount, length in milliseconds, the amount that it may grow to
--
-- Answers a text of numbers between spaces: 2 (the rules are old; nothing was counted), 1 (admitted) or 0 (refused),
-- the time, the revision, and for each rule its amount, what remains of it, the time of its reset, and how long to
-- wait for room (0 where there is some). With a key that is only read: that text, then the key's value.
--
-- A steady rule is a sliding window counter: a hash of the number of the aligned window (w), its count (n), and the
-- count of the window before (p), of which the part still counts that lies within one length from now. A burst is
-- GCRA: its key holds the time at which all of it is back.

local HOUR = 3600000
-- Times of bursts are fractions of a millisecond; sums of them are off by less than this.
local OFF = 0.01
-- Counters are kept for so much longer than they count, as clocks may go back a little.
local LONGER = 10000

local now = tonumber(ARGV[3])
if not now then
  local time = redis.call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end

local revision = redis.call('GET', KEYS[1])
if not revision then
  -- This Redis began empty: whatever the processes know came from before. The name must be new each time.
  local time = redis.call('TIME')
  revision = 'r' .. time[1] .. '.' .. time[2]
  redis.call('SET', KEYS[1], revision)
end

local value = false
if KEYS[3] ~= '' then
  value = redis.call('GET', KEYS[3])
end

local function answer(status, found)
  local text = string.format('%d %d %s', status, now, revision) .. found
  if KEYS[3] == '' then
    return text
  end
  return {text, value}
end

if revision ~= ARGV[1] then
  return answer(2, '')
end

local take = ARGV[2] == 'take'
local admitted = true
local rules = {}

local function grown(amount, ceiling, before)
  if ceiling <= amount then
    return amount
  end
  return math.min(ceiling, math.max(amount, 2 * before))
end

local function steady(key, amount, length, ceiling)
  local at, number = now, math.floor(now / length)
  local held = redis.call('HMGET', key, 'w', 'n', 'p')
  local window, count, before = tonumber(held[1]), tonumber(held[2]), tonumber(held[3])
  local fresh = window ~= number
  if not window or window < number - 1 or window > number + 1 then
    count, before = 0, 0
  elseif window == number - 1 then
    count, before = 0, count
  elseif window == number + 1 then
    -- The clock went back a little: the window that was begun goes on.
    at, number, fresh = window * length, window, false
  end
  local limit, left = grown(amount, ceiling, before), (number + 1) * length - at
  local room = (limit - count) * length - before * left
  local wait = 0
  if room < length then
    if count < limit then
      wait = left - math.floor((limit - count - 1) * length / before)
    else
      local next_limit = grown(amount, ceiling, count)
      wait = left + length - math.min(length, math.floor((next_limit - 1) * length / count))
    end
  end
  return {
    key = key, steady = true, fresh = fresh, number = number, count = count, before = before, limit = limit,
    remaining = math.max(0, math.floor(room / length)), reset = (number + 1) * length, wait = wait,
    keep = left + length + LONGER,
  }
end

local function burst(key, amount, length)
  local step = length / amount
  local back = tonumber(redis.call('GET', key)) or now
  if back < now then
    back = now
  end
  local wait = back - (amount - 1) * step - now
  return {
    key = key, limit = amount, back = back, step = step,
    remaining = math.max(0, math.min(amount, math.floor((now + length - back + OFF) / step))),
    reset = math.ceil(back - OFF), wait = wait > OFF and math.ceil(wait - OFF) or 0,
  }
end

for index = 4, #KEYS do
  local at = 5 + 4 * (index - 4)
  local amount, length = tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2])
  local rule
  if ARGV[at] == 'steady' then
    rule = steady(KEYS[index], amount, length, tonumber(ARGV[at + 3]))
  else
    rule = burst(KEYS[index], amount, length)
  end
  if rule.wait > 0 then
    admitted = false
  end
  rules[#rules + 1] = rule
end

if admitted and take then
  for _, rule in ipairs(rules) do
    rule.remaining = rule.remaining - 1
    if not rule.steady then
      rule.back = rule.back + rule.step
      rule.reset = math.ceil(rule.back - OFF)
      redis.call('SET', rule.key, string.format('%.17g', rule.back), 'PX', rule.reset - now + LONGER)
    elseif rule.fresh then
      redis.call('HSET', rule.key, 'w', rule.number, 'n', 1, 'p', rule.before)
      redis.call('PEXPIRE', rule.key, rule.keep)
    else
      redis.call('HINCRBY', rule.key, 'n', 1)
    end
  end
  if ARGV[4] ~= '' then
    local hour = KEYS[2] .. string.format('%d', math.floor(now / HOUR) * 3600)
    if redis.call('HINCRBY', hour, ARGV[4], 1) == 1 then
      redis.call('PEXPIRE', hour, 3 * HOUR)
    end
  end
end

local found = {}
for index, rule in ipairs(rules) do
  found[index] = string.format(' %d %d %d %d', rule.limit, rule.remaining, rule.reset, rule.wait)
end
return answer(admitted and 1 or 0, table.concat(found))
