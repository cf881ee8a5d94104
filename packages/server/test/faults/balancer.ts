import { once } from 'node:events'
import { Agent, createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { send } from '../../src/testing/http_client.ts'

/** A minimal load balancer: it polls /health/ready and distributes requests round robin. */
export interface Balancer {
  port: number
  close(): Promise<void>
}

export interface BalancerOptions {
  /** Tries the other server once when the first gives no reply. */
  retries: boolean
}

const POLL_MS = 100

export async function startBalancer(
  ports: readonly number[],
  { retries }: BalancerOptions,
): Promise<Balancer> {
  const agent = new Agent({ keepAlive: true })
  const notReady = new Set<number>()
  let count = 0

  async function poll(port: number): Promise<void> {
    if (await isReady(port)) notReady.delete(port)
    else notReady.add(port)
  }

  /** The next server that is ready; without one, the next server not tried yet. */
  function next(tried: readonly number[]): number | undefined {
    const left = ports.filter((it) => !tried.includes(it))
    const ready = left.filter((it) => !notReady.has(it))
    const among = ready.length > 0 ? ready : left
    return among[count++ % among.length]
  }

  const server = createServer(async (incoming, outgoing) => {
    const body = await buffer(incoming)
    const tried: number[] = []
    while (tried.length < (retries ? 2 : 1)) {
      const port = next(tried)
      if (port === undefined) break
      if (await pass(agent, port, incoming, body, outgoing)) return
      tried.push(port)
    }
    outgoing.writeHead(502).end()
  }).listen(0, '127.0.0.1')
  // The load generator keeps its connections open.
  server.keepAliveTimeout = 0
  await once(server, 'listening')
  const timer = setInterval(() => ports.forEach(poll), POLL_MS)
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      clearInterval(timer)
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
      agent.destroy()
    },
  }
}

function isReady(port: number): Promise<boolean> {
  return send(port, { path: '/health/ready' }).then(
    ({ status }) => status === 200,
    () => false,
  )
}

/** Passes the request to a server; false when no reply began. */
function pass(
  agent: Agent,
  port: number,
  { method, url, headers }: IncomingMessage,
  body: Buffer,
  outgoing: ServerResponse,
): Promise<boolean> {
  return new Promise((resolve) => {
    const options = { agent, host: '127.0.0.1', port, method, path: url, headers }
    const passed = request(options, (reply) => {
      const { connection: _, ...kept } = reply.headers
      outgoing.writeHead(reply.statusCode ?? 502, kept)
      reply.pipe(outgoing)
      resolve(true)
    })
    passed.on('error', () => resolve(false))
    passed.end(body)
  })
}
