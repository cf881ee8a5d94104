import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { send } from '../../src/testing/http_client.ts'
import { startTestApp, type TestApp } from '../../src/testing.ts'
import { app } from '../fixtures/app/app.ts'
import { makeWorkplace, type RunningCommand, type Workplace } from '../fixtures/cli.ts'
import { serverSettings } from '../fixtures/databases.ts'
import { createScene, manualChanges, runManually, type Scene, untilRejected } from './scene.ts'

const SECRET_KEY = randomBytes(48).toString('base64')
const LISTENING = /"url":"http:\/\/127\.0\.0\.1:(\d+)"/

interface Node {
  port: number
  command: RunningCommand
}

// Two servers, each a process of its own. A third server, in this process, makes the tenants.
let home: TestApp
let place: Workplace
let nodes: [Node, Node]
beforeAll(async () => {
  home = await startTestApp(app, { SECRET_KEY })
  place = makeWorkplace()
  nodes = await Promise.all([startNode(), startNode()])
}, 120_000)
afterAll(async () => {
  for (const { command } of nodes) command.process.kill('SIGCONT')
  await place.remove()
  await home.close()
}, 60_000)

async function startNode(): Promise<Node> {
  const command = place.launch('start', {
    NODE_ENV: 'production',
    ...serverSettings(),
    SECRET_KEY,
    BASE_DOMAINS: 'app.test',
    PUBLIC_ORIGIN: 'https://{tenant}.app.test',
    HOST: '127.0.0.1',
    REQUEST_WAIT_MS: '20000',
  })
  const [, port] = await command.says(LISTENING)
  return { port: Number(port), command }
}

function ask({ port }: Node, { tenant, user }: Scene) {
  const authorization = `Bearer ${user.accessToken}`
  return send(port, {
    path: '/api/tenant/tenant-data',
    headers: { host: tenant.host, authorization },
  })
}

async function untilLive({ port }: Node): Promise<void> {
  const ready = () => send(port, { path: '/health/ready' })
  await expect.poll(async () => (await ready()).json.invalidation, { timeout: 20_000 }).toBe('live')
}

async function fillCaches(scene: Scene): Promise<void> {
  for (const node of nodes) {
    await untilLive(node)
    for (let times = 0; times < 3; times++) expect((await ask(node, scene)).status).toBe(200)
  }
}

describe('two servers reject a user after a change by hand (SESS-6):', () => {
  test.each(manualChanges)('$what', async ({ sql, status }) => {
    const scene = await createScene(await home.makeTenant())
    await fillCaches(scene)
    await runManually(sql, scene.tenant.id)
    const committedAt = performance.now()
    for (const node of nodes) {
      expect((await untilRejected(() => ask(node, scene), committedAt)).status).toBe(status)
    }
  })
})

describe('two servers reject a member that was removed through one of them (SESS-6):', () => {
  test('that one from its reply on, the other within a second', async () => {
    const scene = await createScene(await home.makeTenant())
    const { tenant, user } = scene
    const admin = await tenant.makeUser({ roles: ['admin_tenant'] })
    await fillCaches(scene)
    const removed = await send(nodes[0].port, {
      method: 'DELETE',
      path: `/api/members/${user.id}`,
      headers: { host: tenant.host, authorization: `Bearer ${admin.accessToken}` },
    })
    const committedAt = performance.now()
    expect(removed.status).toBe(204)
    expect((await ask(nodes[0], scene)).status).toBe(401)
    expect((await untilRejected(() => ask(nodes[1], scene), committedAt)).status).toBe(401)
  })
})

test('a server that was stopped for 5 s serves no session that was revoked meanwhile', async () => {
  const scene = await createScene(await home.makeTenant())
  await fillCaches(scene)
  const [stopped] = nodes
  stopped.command.process.kill('SIGSTOP')
  await runManually(
    'update tenantry.sessions set revoked_at = now() where tenant_id = $1',
    scene.tenant.id,
  )
  // Requests are queued before the process can receive an invalidation.
  const asked = Array.from({ length: 5 }, () => ask(stopped, scene))
  await sleep(5_000)
  stopped.command.process.kill('SIGCONT')
  for (const { status } of await Promise.all(asked)) expect([401, 503]).toContain(status)
  expect((await untilRejected(() => ask(stopped, scene), performance.now())).status).toBe(401)
})
