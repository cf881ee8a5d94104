import { once } from 'node:events'
import { readdirSync, statSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  appWith,
  checkout,
  makeWorkplace,
  type RunningCommand,
  type Workplace,
} from '../../test/fixtures/cli.ts'
import { findServer } from '../db/embedded/process.ts'
import { send } from '../testing/http_client.ts'

const READY = /ready at http:\/\/127\.0\.0\.1:(\d+)/

let place: Workplace
let server: RunningCommand
let port: number

beforeAll(async () => {
  place = makeWorkplace('./app.ts', checkout)
  // Causes an unhandled rejection from outside.
  const onSignal = "process.on('SIGUSR2', () => Promise.reject(new Error('from the test')))"
  place.write('app.ts', appWith('', onSignal, checkout))
  await start()
}, 90_000)
afterAll(() => place.remove())

// The tests run in order on one DATA_DIR: each leaves the server running for the next.
describe('tenantry start on the embedded database', { timeout: 90_000 }, () => {
  test('prints URL, demo logins, the place of the data and how to reset it', async () => {
    const [banner] = await server.says(/ready at[\s\S]*?Reset.*\n/)
    expect(banner).toContain(`http://client1.localhost:${port}/docs`)
    expect(banner).toContain('admin@client1.com / admin123')
    expect(banner).toContain(join(place.folder, '.data/postgres/cluster'))
    expect(banner).toContain('npx tenantry reset')
  })

  test('has demo data to sign in with', async () => {
    const body = { email: 'admin@client1.com', password: 'admin123' }
    const reply = await send(port, {
      method: 'POST',
      path: '/api/auth/login',
      headers: { host: 'client1.localhost' },
      body,
    })
    expect(reply.json).toMatchObject({ tenant: 'client1', roles: ['admin_tenant'] })
  })

  test('OPS-6 stores secrets and passwords in files that only their owner can read', () => {
    for (const name of ['secret_key', 'roles.json']) {
      expect(statSync(join(place.folder, '.data', name)).mode & 0o777).toBe(0o600)
    }
  })

  test('a second start names the running server', async () => {
    const second = await place.run('start')
    expect(second.code).toBe(1)
    expect(second.stderr).toMatch(
      new RegExp(`^tenantry: already running at http://127.0.0.1:${port} \\(process \\d+\\).*\\n$`),
    )
    expect((await send(port, { path: '/', headers: { host: 'localhost' } })).status).toBe(200)
  })

  test('reset fails while the server runs', async () => {
    const reset = await place.run('reset --yes')
    expect(reset).toMatchObject({ code: 1, stdout: '' })
    expect(reset.stderr).toContain('the database is in use: stop the server')
  })

  test('on SIGTERM it finishes requests in flight, stops the database and exits with 0', async () => {
    const slow = await startRequest(port)
    const signalled = performance.now()
    server.process.kill('SIGTERM')
    await server.says(/shutting down/)
    slow.finish()
    expect(await slow.reply).toMatch(/^HTTP\/1\.1 401 /)
    const { code, stderr } = await server.finished
    expect([code, stderr]).toEqual([0, ''])
    expect(performance.now() - signalled).toBeLessThan(5_000)
    expectNothingLeft()
  })

  test('a second Ctrl-C does not wait for requests', async () => {
    await start({ SHUTDOWN_SECONDS: '60' })
    await startRequest(port)
    server.process.kill('SIGINT')
    // The terminal and npm both send the signal: two in quick succession count as one.
    server.process.kill('SIGINT')
    await server.says(/shutting down/)
    await sleep(700)
    expect(server.process.exitCode).toBeNull()
    server.process.kill('SIGINT')
    expect((await server.finished).code).toBe(0)
    expectNothingLeft()
  })

  test('OPS-9 an uncaught error is logged, and the process exits with 1 within SHUTDOWN_SECONDS', async () => {
    await start({ SHUTDOWN_SECONDS: '1' })
    await startRequest(port)
    server.process.kill('SIGUSR2')
    const { code, stdout } = await server.finished
    expect(code).toBe(1)
    expect(stdout).toMatch(/FATAL uncaught error; shutting down: from the test/)
    expect(stdout).toContain('still in flight after 1 s')
    expectNothingLeft()
  })

  test('a start after kill -9 recovers all data', async () => {
    await start()
    server.process.kill('SIGKILL')
    await server.finished
    await start()
    expect((await send(port, { path: '/', headers: { host: 'client2.localhost' } })).status).toBe(
      200,
    )
  })

  test('reset asks for confirmation, and deletes the database with --yes', async () => {
    server.process.kill('SIGTERM')
    await server.finished
    expect((await place.run('reset')).stderr).toContain('add --yes')
    const reset = await place.run('reset --yes')
    expect(reset).toMatchObject({ code: 0, stderr: '' })
    expect(readdirSync(join(place.folder, '.data/postgres'))).toEqual([])
    expect((await place.run('reset --yes')).stdout).toContain('there is no embedded database')
  })
})

async function start(environment: Record<string, string> = {}): Promise<void> {
  // Its mail would be a file that the demo's first sign-in leaves behind.
  server = place.launch('start', { NEW_DEVICE_MAIL: 'off', ...environment })
  port = Number((await server.says(READY))[1])
}

function expectNothingLeft(): void {
  expect(findServer(join(place.folder, '.data/postgres/cluster'))).toBeUndefined()
  expect(readdirSync(join(place.folder, '.data')).sort()).toEqual([
    'postgres',
    'roles.json',
    'secret_key',
  ])
}

/** A sign-in whose body is incomplete: in flight until `finish`. */
async function startRequest(port: number) {
  const socket = connect(port, '127.0.0.1')
  await once(socket, 'connect')
  const reply = once(socket, 'data').then(([data]) => String(data))
  reply.catch(() => {})
  socket.on('error', () => {})
  const body = JSON.stringify({ email: 'unknown@client1.com', password: 'wrong' })
  const head = [
    'POST /api/auth/login HTTP/1.1',
    'host: client1.localhost',
    'content-type: application/json',
    `content-length: ${body.length}`,
  ]
  socket.write(`${head.join('\r\n')}\r\n\r\n${body.slice(0, 10)}`)
  // Give the server time to start the request.
  await sleep(150)
  return { reply, finish: () => socket.write(body.slice(10)) }
}
