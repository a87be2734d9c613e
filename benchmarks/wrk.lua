-- What wrk asks: the reviews of the file that is its first argument, one a line, in turn. The last line that it prints
-- is a tally as JSON; times are in microseconds.

local requests, turn = {}, 0

function init(args)
  local headers = {
    ["User-Agent"] = "kube-apiserver-admission",
    ["Accept"] = "application/json, */*",
    ["Content-Type"] = "application/json",
    ["Accept-Encoding"] = "gzip",
  }
  for body in io.lines(args[1]) do
    requests[#requests + 1] = wrk.format("POST", nil, headers, body)
  end
end

function request()
  turn = turn % #requests + 1
  return requests[turn]
end

function done(summary, latency)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  local form = '\n{"answers": %d, "failed": %d, "duration": %d, "p50": %d, "p99": %d}\n'
  local p50, p99 = latency:percentile(50), latency:percentile(99)
  io.write(string.format(form, summary.requests, failed, summary.duration, p50, p99))
end
