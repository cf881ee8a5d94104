import type { Server, Socket } from 'node:net'
import type { Network } from '../config/parsers.ts'
import { clientKey } from '../lib/net/client_key.ts'
import { isTrustedAddress } from './request/forwarded.ts'

/** How many connections one server has at a time, in total and from one client address. */
export interface ConnectionLimits {
  total: number
  perAddress: number
}

interface Settings {
  DB_POOL_MAX: number
  DB_IDENTITY_POOL_MAX: number
  TRUST_PROXY: Network[]
}

// Files, the listener, the metrics, mail and traces, and what Node.js itself opens.
const RESERVED_FILES = 64
const MIN_CONNECTIONS = 16
const SHARE_OF_ONE_ADDRESS = 4
const REPORT_INTERVAL_MS = 60_000

/** Limits that leave the process enough file descriptors for all its other work. */
export function connectionLimits(
  { DB_POOL_MAX, DB_IDENTITY_POOL_MAX }: Settings,
  openFiles = openFilesLimit(),
): ConnectionLimits {
  const reserve = RESERVED_FILES + DB_POOL_MAX + DB_IDENTITY_POOL_MAX
  const total = Math.max(MIN_CONNECTIONS, openFiles - reserve)
  return { total, perAddress: Math.ceil(total / SHARE_OF_ONE_ADDRESS) }
}

/**
 * Closes connections above the limits as soon as they are accepted. The proxies of TRUST_PROXY have no
 * limit of their own: all clients come from their addresses.
 */
export function limitConnections(
  server: Server,
  config: Settings,
  onRejected: (count: number) => void,
): void {
  const { total, perAddress } = connectionLimits(config)
  const reject = reporter(onRejected)
  const open = new Map<string, number>()
  server.maxConnections = total
  server.on('drop', reject)
  server.on('connection', (socket: Socket) => {
    const { remoteAddress = '' } = socket
    if (isTrustedAddress(remoteAddress, config.TRUST_PROXY)) return
    const key = clientKey(remoteAddress)
    const count = (open.get(key) ?? 0) + 1
    open.set(key, count)
    socket.once('close', () => {
      const left = (open.get(key) ?? 1) - 1
      if (left === 0) open.delete(key)
      else open.set(key, left)
    })
    if (count <= perAddress) return
    reject()
    socket.destroy()
  })
}

// A flood makes one line a minute.
function reporter(onRejected: (count: number) => void): () => void {
  let count = 0
  let reportedAt = Number.NEGATIVE_INFINITY
  return () => {
    count++
    const now = performance.now()
    if (now - reportedAt < REPORT_INTERVAL_MS) return
    onRejected(count)
    reportedAt = now
    count = 0
  }
}

// Node.js has raised the soft limit to the hard one. Where there is no such limit, as on Windows, the
// number is one that a process can always have.
function openFilesLimit(): number {
  // Otherwise it resolves the names of all peers.
  Object.assign(process.report, { excludeNetwork: true })
  const report: unknown = process.report.getReport()
  const { userLimits } = report as { userLimits?: { open_files?: { soft?: number | string } } }
  const soft = Number(userLimits?.open_files?.soft ?? Number.NaN)
  return Number.isFinite(soft) ? soft : 10_000
}
