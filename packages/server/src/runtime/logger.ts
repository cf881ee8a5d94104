import { destination, type Logger, pino } from 'pino'
import type { CommandConfig } from '../config/config.ts'
import { createTimestamp } from '../lib/time/timestamp.ts'

const ERROR = 50

// One write for each line would cost more than the rest of a request that is answered from memory.
const BUFFER_BYTES = 8_192
const FLUSH_MS = 100

/** The log of a server: JSON lines in production, readable lines elsewhere. */
export function createLog({ LOG_LEVEL, production }: CommandConfig): Logger {
  const options = { level: LOG_LEVEL, timestamp: createTimestamp() }
  if (production) return pino(options, buffered())
  return pino(options, { write: (line) => process.stdout.write(`${readable(JSON.parse(line))}\n`) })
}

// Lines are written together, at most 0.1 s late. A fatal line and the end of the process flush them.
function buffered() {
  const stdout = destination({
    fd: 1,
    minLength: BUFFER_BYTES,
    periodicFlush: FLUSH_MS,
    sync: true,
  })
  process.on('exit', () => stdout.flushSync())
  return stdout
}

/** One entry as a line; the stack of an error below it. */
function readable(entry: LogEntry): string {
  const time = entry.time.slice(11, 19)
  const { method, route, status, ms, err } = entry
  const what = method === undefined ? (entry.msg ?? '') : `${method} ${route} ${status} ${ms} ms`
  const label = pino.levels.labels[entry.level] ?? ''
  const loud = label === 'info' ? '' : `${label.toUpperCase()} `
  const cause = err === undefined ? '' : `: ${err.message ?? ''}`
  const stack = err?.stack !== undefined && entry.level >= ERROR ? `\n${err.stack}` : ''
  return `${time} ${loud}${what}${cause}${stack}`
}

interface LogEntry {
  level: number
  time: string
  msg?: string
  method?: string
  route?: string
  status?: number
  ms?: number
  err?: { message?: string; stack?: string }
}
