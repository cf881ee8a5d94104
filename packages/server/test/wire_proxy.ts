import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

/**
 * `pass`: everything. `hold`: what the server says waits. `freeze`: nothing moves, and nobody is
 * told. `refuse`: old connections end and new ones do not begin.
 */
type Mode = 'pass' | 'hold' | 'freeze' | 'refuse'

/** A proxy in front of PostgreSQL: sees each statement, and fails the way networks do. */
export interface WireProxy {
  /** The same DSN by way of the proxy. */
  through(url: string): string
  /** The text of every statement that was sent, in order. */
  sent: string[]
  set(mode: Mode): void
  /** Breaks the connections there are; new ones may begin. */
  cut(): void
  /** Resolves when the statements that were sent satisfy this. */
  until(satisfied: (sent: string[]) => boolean): Promise<void>
  close(): Promise<void>
}

interface Link {
  client: Socket
  server: Socket
  held: Buffer[]
}

export async function startWireProxy(target: string): Promise<WireProxy> {
  const { hostname, port } = new URL(target)
  const links = new Set<Link>()
  const sent: string[] = []
  let mode: Mode = 'pass'
  let wake = () => {}

  const server = createServer({ noDelay: true }, (client) => {
    client.on('error', () => {})
    if (mode === 'refuse') {
      client.destroy()
      return
    }
    const link: Link = { client, server: connect({ port: Number(port), host: hostname }), held: [] }
    links.add(link)
    link.server.setNoDelay(true).on('error', () => {})
    const read = statementReader((text) => {
      sent.push(text)
      wake()
    })
    client.on('data', (bytes) => {
      read(bytes)
      if (mode !== 'freeze') link.server.write(bytes)
    })
    link.server.on('data', (bytes) => {
      if (mode === 'pass') client.write(bytes)
      if (mode === 'hold') link.held.push(bytes)
    })
    const end = () => {
      links.delete(link)
      link.server.destroy()
      // Whoever is frozen does not hear that the other side has gone.
      if (mode !== 'freeze') client.destroy()
    }
    client.on('close', end)
    link.server.on('close', end)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')

  const cut = () => {
    for (const { client, server } of links) {
      client.destroy()
      server.destroy()
    }
  }
  return {
    sent,
    cut,
    through(url) {
      const changed = new URL(url)
      changed.hostname = '127.0.0.1'
      changed.port = String((server.address() as AddressInfo).port)
      return changed.href
    },
    set(next) {
      mode = next
      if (mode === 'refuse') cut()
      if (mode !== 'pass') return
      for (const { client, held } of links) for (const bytes of held.splice(0)) client.write(bytes)
    },
    async until(satisfied) {
      while (!satisfied(sent)) {
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      }
    },
    async close() {
      cut()
      server.close()
      await once(server, 'close')
    },
  }
}

/** Reads what a client sends (PostgreSQL's documentation, 54.7) and tells the text of each statement. */
function statementReader(onStatement: (text: string) => void): (bytes: Buffer) => void {
  const prepared = new Map<string, string>()
  let rest: Buffer = Buffer.alloc(0)
  let started = false
  let bound = ''

  function message(type: string, body: Buffer): void {
    const words = body.toString().split('\0')
    if (type === 'Q') onStatement(words[0] ?? '')
    if (type === 'P') prepared.set(words[0] ?? '', words[1] ?? '')
    if (type === 'B') bound = prepared.get(words[1] ?? '') ?? ''
    if (type === 'E') onStatement(bound)
  }

  return (bytes) => {
    rest = Buffer.concat([rest, bytes])
    // The first message of a connection has no type.
    for (let head = started ? 1 : 0; rest.length >= head + 4; head = 1) {
      const end = head + rest.readInt32BE(head)
      if (rest.length < end) return
      if (started) message(rest.toString('latin1', 0, 1), rest.subarray(5, end))
      rest = rest.subarray(end)
      started = true
    }
  }
}
