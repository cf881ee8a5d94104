/**
 * The `time` field of a log line, as pino takes it: RFC 3339 with milliseconds. The text of a second is
 * made once for all of its lines.
 */
export function createTimestamp(): () => string {
  let second = Number.NaN
  let text = ''
  return () => {
    const now = Date.now()
    const ms = now % 1000
    if (now - ms !== second) {
      second = now - ms
      text = `,"time":"${new Date(second).toISOString().slice(0, -'000Z'.length)}`
    }
    return `${text}${String(ms).padStart(3, '0')}Z"`
  }
}
