import { readFileSync } from 'node:fs'
import type { Server, Socket } from 'node:net'
import type { Network } from '../config/parsers.ts'
import { counter, gauge, type Metric } from '../lib/metric.ts'
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

/** Counts the clients' connections to one server, and closes those above the limits. */
export interface ConnectionLimiter {
  /** Applies the limits to a server. Called once. */
  limit(server: Server): void
  metrics(): Metric[]
}

type Reason = 'address' | 'server'

/**
 * Closes connections above the limits as soon as they are accepted. The proxies of TRUST_PROXY have no
 * limit of their own: all clients come from their addresses.
 */
export function createConnectionLimiter(
  config: Settings,
  onRejected: (count: number) => void,
): ConnectionLimiter {
  const limits = connectionLimits(config)
  const rejected = { address: 0, server: 0 }
  const open = new Map<string, number>()
  const report = reporter(onRejected)
  let total = 0
  const reject = (reason: Reason) => {
    rejected[reason]++
    report()
  }
  return {
    limit(server) {
      server.maxConnections = limits.total
      server.on('drop', () => reject('server'))
      server.on('connection', (socket: Socket) => {
        total++
        socket.once('close', () => total--)
        if (isWithin(open, socket, limits.perAddress, config.TRUST_PROXY)) return
        reject('address')
        socket.destroy()
      })
    },
    metrics: () => connectionMetrics(() => total, limits, rejected),
  }
}

/** Counts a connection until it is closed. Returns false if its address has too many. */
function isWithin(
  open: Map<string, number>,
  socket: Socket,
  max: number,
  proxies: Network[],
): boolean {
  const { remoteAddress = '' } = socket
  if (isTrustedAddress(remoteAddress, proxies)) return true
  const key = clientKey(remoteAddress)
  const count = (open.get(key) ?? 0) + 1
  open.set(key, count)
  socket.once('close', () => {
    const left = (open.get(key) ?? 1) - 1
    if (left === 0) open.delete(key)
    else open.set(key, left)
  })
  return count <= max
}

function connectionMetrics(
  total: () => number,
  limits: ConnectionLimits,
  rejected: Readonly<Record<Reason, number>>,
): Metric[] {
  return [
    gauge('tenantry_http_connections', 'Open connections of clients.', [], total),
    gauge(
      'tenantry_http_connections_max',
      'The limit of open connections, by what it applies to.',
      ['per'],
      () => [
        [{ per: 'server' }, limits.total],
        [{ per: 'address' }, limits.perAddress],
      ],
    ),
    counter(
      'tenantry_http_connections_rejected_total',
      'Connections closed immediately because a limit was reached, by limit.',
      ['per'],
      () => Object.entries(rejected).map(([per, count]) => [{ per }, count]),
    ),
  ]
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
  const found = /^Max open files +(\d+)/m.exec(limitsOfLinux())?.[1]
  if (found !== undefined) return Number(found)
  // Otherwise it resolves the names of all peers.
  Object.assign(process.report, { excludeNetwork: true })
  const report: unknown = process.report.getReport()
  const { userLimits } = report as { userLimits?: { open_files?: { soft?: number | string } } }
  const soft = Number(userLimits?.open_files?.soft ?? Number.NaN)
  return Number.isFinite(soft) ? soft : 10_000
}

// Node.js takes some 35 ms for the report of its process.
function limitsOfLinux(): string {
  try {
    return readFileSync('/proc/self/limits', 'utf8')
  } catch {
    return ''
  }
}
