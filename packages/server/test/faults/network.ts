import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

/** `pass`: everything. `freeze`: nothing moves, and nobody is told. `refuse`: nobody gets through. */
type Mode = 'pass' | 'freeze' | 'refuse'

/** The way from a server to its database, which can be bad in the ways networks are. */
export interface Network {
  /** The same DSN by this way. */
  through(url: string): string
  set(mode: Mode): void
  /** How long everything takes in each direction, in milliseconds. */
  delayBy(ms: number): void
  /** Breaks the connections there are. */
  cut(): void
  close(): Promise<void>
}

/** A network that leads to whichever port `target` says when a connection begins. */
export async function startNetwork(target: () => number): Promise<Network> {
  const sockets = new Set<Socket>()
  let mode: Mode = 'pass'
  let delay = 0

  function carry(from: Socket, to: Socket): void {
    let last: Promise<unknown> = Promise.resolve()
    from.on('data', (bytes) => {
      // In order, each by the delay of its own time.
      const due = delay > 0 ? sleep(delay) : undefined
      last = last.then(() => due).then(() => void (mode === 'freeze' || to.write(bytes)))
    })
    from.on('error', () => {})
    from.on('close', () => {
      sockets.delete(from)
      // Whoever is frozen does not hear that the other side has gone.
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
      // What was frozen has lost bytes: it can only end.
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
