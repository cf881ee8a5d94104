import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { send } from '../../src/testing/http_client.ts'
import { freePort } from '../fixtures/free_port.ts'
import { deployFolder } from './compose_files.ts'

const recipe = readFileSync(join(deployFolder, 'haproxy.cfg'), 'utf8')

/** The proxy in front of the servers: it distributes requests and adds the clients' addresses. */
export interface ReverseProxy {
  port: number
  /** Sends new requests to the servers at these ports. */
  serve(ports: readonly number[]): Promise<void>
  stop(): Promise<void>
}

/** Starts the HAProxy that the environment names (`npm run test:deploy`). It calls its servers from the address `source`. */
export async function startReverseProxy(
  ports: readonly number[],
  source = '127.0.0.1',
): Promise<ReverseProxy> {
  const program = process.env['TENANTRY_HAPROXY']
  if (program === undefined) throw new Error('no HAProxy: run npm run test:deploy')
  const folder = mkdtempSync(join(tmpdir(), 'tenantry-haproxy-'))
  const file = join(folder, 'haproxy.cfg')
  const port = await freePort()
  const write = (servers: readonly number[]) =>
    writeFileSync(file, configuration(port, servers, source))
  write(ports)
  // A master process, which loads a new configuration without losing a connection.
  const child = spawn(program, ['-W', '-f', file], { stdio: ['ignore', 'inherit', 'inherit'] })
  await untilAnswers(port, child)
  return {
    port,
    async serve(next) {
      write(next)
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

/** The recipe of starter/deploy on these ports. The test's clients speak http: the recipe's TLS is left out. */
function configuration(port: number, servers: readonly number[], source: string): string {
  const list = servers.map((it, at) => `  server app${at} 127.0.0.1:${it} source ${source}\n`)
  const changes: [RegExp, string][] = [
    [/^ {2}bind :80\n {2}bind :443 .*\n/m, `  bind 127.0.0.1:${port}\n`],
    [/^ {2}http-request redirect scheme https .*\n/m, ''],
    [/(^ {2}server .*\n)+/m, list.join('')],
    [/hard-stop-after 30s/, 'hard-stop-after 5s'],
  ]
  return changes.reduce((text, [found, line]) => {
    if (!found.test(text)) throw new Error(`haproxy.cfg has no line like ${found}`)
    return text.replace(found, line)
  }, recipe)
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
