"""The Lua programs that Redis runs for `RedisLobby`: each is one step of the room set, whole or not at all.

Imports `shared.limits` only. Keys (all under `facewire:`), every one of which ends by itself when nobody renews it:

    room:NAME        sorted set  PROCESS:NUMBER:ROLE -> end of the seat's lease (Unix ms)
    opener:NAME      string      key of the address that opened the room
    rooms            sorted set  NAME -> until when the room counts
    rooms:ADDRESS    sorted set  the same of one address
    sockets:ADDRESS  sorted set  PROCESS:NUMBER -> end of its lease
    rate:ADDRESS     hash        token bucket
    used:ID, renewed:ID  string  join tokens, until they expire
    to:PROCESS       channel     "NUMBER message" for a connection of that process

ADDRESS is a keyed hash. Keys are made inside the programs too, so this wants one Redis (with replicas), not a cluster.
Invariant: limits are checked and used in the same program, so that two processes cannot both take the last place.
"""

from typing import Final

from shared import limits

KEEP_MS: Final = 2 * limits.SIGNALING_EMPTY_ROOM_TTL_MS
"""Keys about a room live at least as long as the room may count."""

TAKE: Final = """
-- KEYS rate:ADDRESS  ARGV now_ms per_ms burst
local level, last = unpack(redis.call('HMGET', KEYS[1], 'level', 'last'))
local now, burst = tonumber(ARGV[1]), tonumber(ARGV[3])
level, last = tonumber(level) or burst, tonumber(last) or now
level = math.min(burst, level + math.max(0, now - last) * tonumber(ARGV[2]))
local passed = 0
if level >= 1 then level = level - 1; passed = 1 end
redis.call('HSET', KEYS[1], 'level', tostring(level), 'last', tostring(math.max(now, last)))
redis.call('PEXPIRE', KEYS[1], math.ceil(burst / tonumber(ARGV[2])) + 1000)
return passed
"""
"""1 when one more event is within the rate. A clock that steps back gives nothing."""

OPEN: Final = """
-- KEYS sockets:ADDRESS  ARGV now_ms lease_ms socket most
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', ARGV[1])
if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[4]) then return 0 end
redis.call('ZADD', KEYS[1], ARGV[1] + ARGV[2], ARGV[3])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1
"""
"""1 when the address may have one more connection."""

_TELL: Final = """
local function tell(seats, own, text)
  local heard = 0
  for _, seat in ipairs(seats) do
    if seat ~= own then
      local process, number = seat:match('^(%w+):(%d+):')
      heard = heard + redis.call('PUBLISH', 'facewire:to:' .. process, number .. ' ' .. text)
    end
  end
  return heard
end
local function keep(name, address, till)
  redis.call('ZADD', 'facewire:rooms', till, name)
  redis.call('ZADD', 'facewire:rooms:' .. address, till, name)
  redis.call('PEXPIRE', 'facewire:rooms:' .. address, KEEP_MS)
end
"""

JOIN: Final = (
    _TELL
    + """
-- KEYS room:NAME opener:NAME used:ID
-- ARGV now_ms lease_ms seat role name address token_ms may_open rooms_most address_most seats_most text
local now, address = ARGV[1], ARGV[6]
if redis.call('EXISTS', KEYS[3]) == 1 then return 'used-token' end
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
redis.call('ZREMRANGEBYSCORE', 'facewire:rooms', '-inf', now)
redis.call('ZREMRANGEBYSCORE', 'facewire:rooms:' .. address, '-inf', now)
local seats = redis.call('ZRANGE', KEYS[1], 0, -1)
local known = redis.call('ZSCORE', 'facewire:rooms', ARGV[5])
if not known and (redis.call('ZCARD', 'facewire:rooms') >= tonumber(ARGV[9])
    or redis.call('ZCARD', 'facewire:rooms:' .. address) >= tonumber(ARGV[10])) then
  return 'too-many-rooms'
end
if #seats >= tonumber(ARGV[11]) then return 'room-full' end
for _, seat in ipairs(seats) do
  if ARGV[4] ~= 'peer' and seat:match('[^:]+$') == ARGV[4] then return 'role-taken' end
end
if #seats == 0 and ARGV[8] == '0' then return 'busy' end
redis.call('SET', KEYS[3], '1', 'PX', ARGV[7])
if not known then redis.call('SET', KEYS[2], address) end
redis.call('PEXPIRE', KEYS[2], KEEP_MS)
redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[3])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
keep(ARGV[5], redis.call('GET', KEYS[2]) or address, now + ARGV[2])
tell(seats, ARGV[3], ARGV[12])
return #seats
"""
)
"""How many others are in the room, or the code of a refusal. Checks come in the order of `MemoryLobby.join`."""

RELAY: Final = (
    _TELL
    + """
-- KEYS room:NAME  ARGV now_ms seat text
return tell(redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. ARGV[1], '+inf'), ARGV[2], ARGV[3])
"""
)
"""How many processes heard it: 0 when nobody else is in the room, or nobody who could be told."""

LEAVE: Final = (
    _TELL
    + """
-- KEYS room:NAME opener:NAME  ARGV now_ms seat name address empty_ms text
redis.call('ZREM', KEYS[1], ARGV[2])
local seats = redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. ARGV[1], '+inf')
if #seats == 0 then
  redis.call('PEXPIRE', KEYS[2], ARGV[5])
  keep(ARGV[3], redis.call('GET', KEYS[2]) or ARGV[4], ARGV[1] + ARGV[5])
end
return tell(seats, ARGV[2], ARGV[6])
"""
)
"""Frees a seat. A room that nobody is in counts against its opener for empty_ms more."""

CLOSE: Final = """
-- KEYS sockets:ADDRESS  ARGV socket
return redis.call('ZREM', KEYS[1], ARGV[1])
"""
"""Gives the address its place for a connection back."""

HOLD: Final = (
    _TELL
    + """
-- KEYS sockets:ADDRESS room:NAME opener:NAME  ARGV now_ms lease_ms socket address seat name seats_most
redis.call('ZADD', KEYS[1], ARGV[1] + ARGV[2], ARGV[3])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
if ARGV[5] == '' then return 0 end
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', ARGV[1])
if not redis.call('ZSCORE', KEYS[2], ARGV[5]) and redis.call('ZCARD', KEYS[2]) >= tonumber(ARGV[7]) then
  return -1
end
redis.call('ZADD', KEYS[2], ARGV[1] + ARGV[2], ARGV[5])
redis.call('PEXPIRE', KEYS[2], ARGV[2])
redis.call('SET', KEYS[3], ARGV[4], 'NX')
redis.call('PEXPIRE', KEYS[3], KEEP_MS)
keep(ARGV[6], redis.call('GET', KEYS[3]), ARGV[1] + ARGV[2])
return redis.call('ZCARD', KEYS[2]) - 1
"""
)
"""Renews a connection's leases, or writes them anew after Redis lost them; how many others sit there, -1: seat taken."""

RENEW: Final = """
-- KEYS used:ID renewed:ID  ARGV token_ms seat
if redis.call('EXISTS', KEYS[2]) == 1 then return 0 end
if ARGV[2] == '0' and redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
redis.call('SET', KEYS[1], '1', 'PX', ARGV[1])
redis.call('SET', KEYS[2], '1', 'PX', ARGV[1])
return 1
"""
"""1 when the token may be exchanged for one to come back with; it is void from then on."""

_PROGRAMS: Final = {
    "take": TAKE,
    "open": OPEN,
    "join": JOIN,
    "relay": RELAY,
    "leave": LEAVE,
    "close": CLOSE,
    "hold": HOLD,
    "renew": RENEW,
}
SOURCES: Final = {name: text.replace("KEEP_MS", str(KEEP_MS)) for name, text in _PROGRAMS.items()}
"""Every program by its name."""
