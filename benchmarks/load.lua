-- What wrk sends. Arguments: the method, a plan as JSON, then headers.
--
-- The plan of a contact: source (one id), or sources (ids first..last, drawn); known (how many of
-- the leads bench-1 .. bench-N to draw from), known_share (of 100 contacts, how many are theirs);
-- once (1: with an Idempotency-Key); salt (so that two runs name different leads).

local plan, count, salt = {}, 0, ""

local function number(text, name)
  return tonumber(string.match(text, '"' .. name .. '": *(%d+)'))
end

function init(args)
  wrk.method = args[1]
  for i = 3, #args do
    local name, value = string.match(args[i], "^([^:]+): (.*)$")
    wrk.headers[name] = value
  end
  for _, name in ipairs({"source", "first", "last", "known", "known_share", "once"}) do
    plan[name] = number(args[2], name)
  end
  salt = string.match(args[2], '"salt": *"([^"]*)"') or "x"
  math.randomseed(os.time())
  if plan.source or plan.first then
    wrk.headers["Content-Type"] = "application/json"
  end
end

function request()
  if not plan.source and not plan.first then
    return wrk.format()
  end
  count = count + 1
  local lead = salt .. "-" .. count
  if plan.known and math.random(100) <= plan.known_share then
    lead = "bench-" .. math.random(plan.known)
  end
  local source = plan.source or math.random(plan.first, plan.last)
  local body = string.format(
    '{"source_id": %d, "external_id": "%s", "name": "Bench", "message": "Please call back."}',
    source, lead)
  if plan.once then
    wrk.headers["Idempotency-Key"] = salt .. "-" .. count
  end
  return wrk.format(nil, nil, nil, body)
end

function done(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format(
    'result:{"requests": %d, "duration": %d, "status": %d, "connect": %d, "read": %d, '
      .. '"write": %d, "timeout": %d, "p50": %f, "p95": %f, "p99": %f}\n',
    summary.requests, summary.duration, errors.status, errors.connect, errors.read,
    errors.write, errors.timeout,
    latency:percentile(50), latency:percentile(95), latency:percentile(99)))
end
