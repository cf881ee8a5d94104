import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

/**
 * `pass`: everything passes. `freeze`: no byte passes, and no connection is closed. `refuse`: connections
 * are closed and refused.
 */
type Mode = 'pass' | 'freeze' | 'refuse'

/** The network between a server and its database, which can fail in typical ways. */
export interface Network {
  /** The same DSN through this network. */
  through(url: string): string
  set(mode: Mode): void
  /** Sets the delay in each direction, in milliseconds. */
  delayBy(ms: number): void
  /** Breaks the open connections. */
  cut(): void
  close(): Promise<void>
}

/** Starts a network that connects to the port `target` returns when a connection begins. */
export async function startNetwork(target: () => number): Promise<Network> {
  const sockets = new Set<Socket>()
  let mode: Mode = 'pass'
  let delay = 0

  function carry(from: Socket, to: Socket): void {
    let last: Promise<unknown> = Promise.resolve()
    from.on('data', (bytes) => {
      // In order, each with the delay that applied when it arrived.
      const due = delay > 0 ? sleep(delay) : undefined
      last = last.then(() => due).then(() => void (mode === 'freeze' || to.write(bytes)))
    })
    from.on('error', () => {})
    from.on('close', () => {
      sockets.delete(from)
      // A frozen side must not see that the other has closed.
      if (mode !== 'freeze') to.destroy()
    })
    sockets.add(from)
  }

  const server = createServer({ noDelay: true }, (client) => {
    if (mode === 'refuse') return void client.destroy()
    const database = connect({ port: target(), host: '127.0.0.1', noDelay: true })
    carry(client, database)
    carry(database, client)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')

  function cut(): void {
    for (const socket of sockets) socket.destroy()
  }

  return {
    cut,
    through(url) {
      const changed = new URL(url)
      changed.host = `127.0.0.1:${(server.address() as AddressInfo).port}`
      return changed.href
    },
    set(next) {
      mode = next
      // A frozen connection has lost bytes, so it has to be closed.
      if (next !== 'freeze') cut()
    },
    delayBy(ms) {
      delay = ms
    },
    async close() {
      mode = 'refuse'
      cut()
      server.close()
      await once(server, 'close')
    },
  }
}
