//! What does Redis do in one step?
//!
//! Owns the scripts. In a value, `stamp:version:expires_at:payload`, a removed session has no payload (see `value.rs`). Beside the
//! values lies an index: a sorted set of all keys with one score, and so in the order of their text.

use std::sync::LazyLock;

use redis::Script;

/// A change of one session, on what is there. KEYS: value, index, the last version given. ARGV: the key's text, what to do, payload,
/// end, life in ms, now, what is expected, the version expected. Gives what became of it, and the value or the version found.
pub(super) static CHANGE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
local name, op, payload, expires, life, now, mode, at = unpack(ARGV)
local old = redis.call('GET', KEYS[1])
local live, version, kept = false, '', ''
if old then
  local v, e, head = string.match(old, '^%d+:(%d+):(%-?%d+):()')
  kept = string.sub(old, head)
  live = kept ~= '' and tonumber(e) > tonumber(now)
  if live then version = v end
end
if op == 'put' then
  if (mode == 'absent' and live) or (mode == 'at' and version ~= at) then return {'conflict', version} end
elseif not live then
  if op == 'remove' then
    redis.call('DEL', KEYS[1])
    redis.call('ZREM', KEYS[2], name)
  end
  return {'nothing', ''}
elseif op == 'remove' then
  if mode == 'at' and version ~= at then return {'conflict', version} end
  redis.call('DEL', KEYS[1])
  redis.call('ZREM', KEYS[2], name)
  return {'done', old}
end
local stamp = string.format('%.0f', math.max(tonumber(redis.call('GET', KEYS[3]) or '0') + 1, tonumber(now) * 1000))
if op == 'put' then version = stamp else payload = kept end
local value = stamp .. ':' .. version .. ':' .. expires .. ':' .. payload
redis.call('SET', KEYS[3], stamp)
redis.call('ZADD', KEYS[2], 0, name)
redis.call('SET', KEYS[1], value, 'PX', life)
return {'done', value}
",
    )
});

/// Takes rows over from PostgreSQL, where they are newer than what is there. KEYS: index, epoch, then values. ARGV: the epoch that must
/// be there (empty: any), then of each row the key's text, the value, its stamp, life in ms. Gives -1 when another epoch is there.
pub(super) static TAKE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
if ARGV[1] ~= '' and redis.call('GET', KEYS[2]) ~= ARGV[1] then return -1 end
for n = 3, #KEYS do
  local name, value, stamp, life = unpack(ARGV, 4 * n - 10, 4 * n - 7)
  local old = string.match(redis.call('GETRANGE', KEYS[n], 0, 20), '^%d+')
  if not old or tonumber(old) < tonumber(stamp) then
    redis.call('SET', KEYS[n], value, 'PX', life)
    if string.sub(value, -1) == ':' then redis.call('ZREM', KEYS[1], name) else redis.call('ZADD', KEYS[1], 0, name) end
  end
end
redis.call('PEXPIRE', KEYS[1], 172800000)
return 1
",
    )
});

/// Begins an epoch, unless somebody else has begun one meanwhile. KEYS: epoch. ARGV: what was there (may be empty), what is to be.
pub(super) static BEGIN: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2])
return 1
",
    )
});

/// Which of some keys have ended. KEYS: index, then values. ARGV: now, whether to let go of them, the keys' texts. Gives for each 1
/// when it is live, else 0.
pub(super) static JUDGE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
local found = {}
for n = 2, #KEYS do
  local value = redis.call('GET', KEYS[n])
  local e = value and string.match(value, '^%d+:%d+:(%-?%d+):.')
  found[n - 1] = (e and tonumber(e) > tonumber(ARGV[1])) and 1 or 0
  if found[n - 1] == 0 and ARGV[2] == 'yes' then
    redis.call('DEL', KEYS[n])
    redis.call('ZREM', KEYS[1], ARGV[n + 1])
  end
end
return found
",
    )
});
