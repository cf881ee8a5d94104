import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { createProxyServer } from 'httpxy'
import { send } from '../../src/testing/http_client.ts'
import { freePort } from '../fixtures/free_port.ts'

/** The proxy in front of the servers: it distributes requests and adds the clients' addresses. */
export interface ReverseProxy {
  port: number
  /** Sends new requests to the servers at these ports. */
  serve(ports: readonly number[]): Promise<void>
  stop(): Promise<void>
}

/** Starts HAProxy if the environment names one (`npm run test:deploy`), otherwise httpxy. */
export function startReverseProxy(ports: readonly number[]): Promise<ReverseProxy> {
  const haproxy = process.env['TENANTRY_HAPROXY']
  return haproxy === undefined ? startHttpxy(ports) : startHaproxy(haproxy, ports)
}

async function startHttpxy(ports: readonly number[]): Promise<ReverseProxy> {
  let targets = [...ports]
  const proxy = createProxyServer()
  const server = createServer((request, reply) => {
    const target = targets.shift()
    if (target === undefined) throw new Error('a proxy needs servers')
    targets.push(target)
    addForwardedHeaders(request)
    const passing = proxy.web(request, reply, { target: `http://127.0.0.1:${target}` })
    passing.catch(() => answerBadGateway(reply))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    async serve(next) {
      targets = [...next]
    },
    async stop() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

// As proxies do: the client's own header stays, and the address of its connection is appended.
function addForwardedHeaders({ headers, socket }: IncomingMessage): void {
  const claimed = headers['x-forwarded-for']
  const actual = socket.remoteAddress ?? ''
  headers['x-forwarded-for'] = claimed === undefined ? actual : `${claimed}, ${actual}`
  headers['x-forwarded-host'] = headers.host ?? ''
  headers['x-forwarded-proto'] = 'https'
}

function answerBadGateway(reply: ServerResponse): void {
  if (!reply.headersSent) reply.writeHead(502)
  reply.end()
}

async function startHaproxy(program: string, ports: readonly number[]): Promise<ReverseProxy> {
  const folder = mkdtempSync(join(tmpdir(), 'tenantry-haproxy-'))
  const file = join(folder, 'haproxy.cfg')
  const port = await freePort()
  writeFileSync(file, configuration(port, ports))
  // A master process, which loads a new configuration without losing a connection.
  const child = spawn(program, ['-W', '-f', file], { stdio: ['ignore', 'inherit', 'inherit'] })
  await untilAnswers(port, child)
  return {
    port,
    async serve(next) {
      writeFileSync(file, configuration(port, next))
      child.kill('SIGUSR2')
      // The old worker may still take requests for a moment; its servers are still running.
      await sleep(1_000)
    },
    async stop() {
      child.kill('SIGTERM')
      await once(child, 'close')
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

function configuration(port: number, servers: readonly number[]): string {
  return `
global
  hard-stop-after 5s
defaults
  mode http
  timeout connect 2s
  timeout client 30s
  timeout server 30s
  option forwardfor
  option redispatch
  retries 2
frontend web
  bind 127.0.0.1:${port}
  http-request set-header X-Forwarded-Host %[req.hdr(host)]
  http-request set-header X-Forwarded-Proto https
  default_backend servers
backend servers
  balance roundrobin
  option httpchk GET /health/ready
  default-server check inter 500ms
${servers.map((it, at) => `  server app${at} 127.0.0.1:${it}`).join('\n')}
`
}

async function untilAnswers(port: number, child: ChildProcess): Promise<void> {
  while (child.exitCode === null) {
    const answered = await send(port, { path: '/health/live', headers: { host: 'proxy' } })
      .then(({ status }) => status === 200)
      .catch(() => false)
    if (answered) return
    await sleep(100)
  }
  throw new Error(`HAProxy ended with ${child.exitCode}`)
}
