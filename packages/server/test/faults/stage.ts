import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { createPasswords } from '../../src/access/passwords.ts'
import { INSTALLATION_REALM } from '../../src/access/realm.ts'
import { loadConfig } from '../../src/config/config.ts'
import { openDatabase } from '../../src/db/open_database.ts'
import { addMember } from '../../src/modules/members/members.ts'
import { createTenant } from '../../src/modules/tenants/tenants.ts'
import { ensureUser } from '../../src/modules/users/users.ts'
import { send } from '../../src/testing/http_client.ts'
import {
  type KernelFiles,
  makeWorkplace,
  type RunningCommand,
  type Workplace,
} from '../fixtures/cli.ts'
import { type Cluster, startCluster } from './cluster.ts'
import type { Target } from './load.ts'
import { type Network, startNetwork } from './network.ts'

/** A server as a process of its own. */
export interface Node {
  port: number
  command: RunningCommand
}

export interface SignedIn extends Omit<Target, 'port'> {
  refreshToken: string
}

/** A database, the networks to it, and a user of the API. */
export interface Stage {
  cluster: Cluster
  /** The network of the servers' queries. */
  network: Network
  /** The network of their listeners. */
  listenerNetwork: Network
  /**
   * Starts a server as in production, on a free port unless PORT is set. With `openFiles`, it can have no
   * more file descriptors than that.
   */
  startNode(settings?: Record<string, string>, openFiles?: number): Promise<Node>
  /** Signs in at one server; the tokens are valid at all of them. */
  signIn(node: Node): Promise<SignedIn>
  email: string
  close(): Promise<void>
}

const HOST = 'acme.app.test'
const PASSWORD = 'correct horse battery'
const LISTENING = /"url":"http:\/\/127\.0\.0\.1:(\d+)"/

export async function openStage(kernel?: KernelFiles): Promise<Stage> {
  const cluster = await startCluster()
  const network = await startNetwork(cluster.port)
  const listenerNetwork = await startNetwork(cluster.port)
  const place = makeWorkplace(undefined, kernel)
  const email = await populate(cluster)
  const settings = production(cluster, network, listenerNetwork)
  return {
    cluster,
    network,
    listenerNetwork,
    email,
    startNode: (more, openFiles) => startNode(place, { ...settings, ...more }, openFiles),
    signIn: ({ port }) => signIn(port, email),
    async close() {
      await place.remove()
      await network.close()
      await listenerNetwork.close()
      await cluster.stop()
    },
  }
}

function production(
  { urls }: Cluster,
  network: Network,
  listener: Network,
): Record<string, string> {
  return {
    NODE_ENV: 'production',
    DB_URL: network.through(urls.app),
    DB_IDENTITY_URL: network.through(urls.identity),
    DB_JOBS_URL: network.through(urls.jobs),
    DB_LISTEN_URL: listener.through(urls.identity),
    SECRET_KEY: randomBytes(48).toString('base64'),
    BASE_DOMAINS: 'app.test',
    PUBLIC_ORIGIN: 'https://{tenant}.app.test',
    HOST: '127.0.0.1',
    SHUTDOWN_SECONDS: '20',
  }
}

async function populate({ urls }: Cluster): Promise<string> {
  const { app: DB_URL, identity: DB_IDENTITY_URL, platform: DB_PLATFORM_URL } = urls
  const { database, close } = openDatabase(
    loadConfig({ DB_URL, DB_IDENTITY_URL, DB_PLATFORM_URL }),
    () => {},
  )
  const email = 'ann@example.com'
  const password_hash = await createPasswords().hash(PASSWORD)
  await database.acrossTenants('test', async (db) => {
    const tenant_id = await createTenant(db, { name: 'Acme', subdomain: 'acme', code: 'ACME' })
    const { id: user_id } = await ensureUser(db, {
      email,
      full_name: 'Ann',
      realm_id: INSTALLATION_REALM,
      password_hash,
    })
    await addMember(db, { tenant_id, user_id, roles: ['admin_tenant'] })
  })
  await close()
  return email
}

async function startNode(
  place: Workplace,
  settings: Record<string, string>,
  openFiles?: number,
): Promise<Node> {
  const command = place.launch('start', settings, openFiles)
  const [, port] = await command.says(LISTENING)
  const node = { port: Number(port), command }
  await untilReady(node)
  return node
}

/** Resolves when the server is ready. */
async function untilReady({ port }: Node): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    const { status } = await send(port, { path: '/health/ready' }).catch(() => ({ status: 0 }))
    if (status === 200) return
    await sleep(100)
  }
  throw new Error(`the server at port ${port} does not become ready`)
}

async function signIn(port: number, email: string): Promise<SignedIn> {
  const body = { email, password: PASSWORD }
  const login = { method: 'POST', path: '/api/auth/login', headers: { host: HOST }, body }
  for (let tries = 0; tries < 50; tries++) {
    const { json } = await send(port, login)
    if (json?.access_token !== undefined) {
      return { host: HOST, token: json.access_token, refreshToken: json.refresh_token }
    }
    await sleep(200)
  }
  throw new Error('could not sign in')
}
