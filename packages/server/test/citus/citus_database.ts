import { randomBytes } from 'node:crypto'
import type pg from 'pg'
import { applyCitus } from '../../src/db/citus/apply_citus.ts'
import { citusFaults } from '../../src/db/citus/citus_faults.ts'
import { citusPlan } from '../../src/db/citus/citus_plan.ts'
import { readCitusState } from '../../src/db/citus/citus_state.ts'
import { withDatabase } from '../../src/db/connect/dsn.ts'
import { withClient } from '../../src/db/connect/with_client.ts'
import { histories, migrateUp } from '../../src/db/migrations/migrate.ts'
import { derivedPasswords } from '../../src/db/provisioning/passwords.ts'
import { provisionDatabase } from '../../src/db/provisioning/provision.ts'
import type { RoleUrls } from '../../src/db/provisioning/roles.ts'

/** A database on a coordinator and its workers, migrated. */
export interface CitusDatabase {
  urls: RoleUrls
  /** The DSN of the superuser, to this database. */
  admin: string
  /** The same on each worker. */
  workers: string[]
  drop(): Promise<void>
}

interface Node {
  host: string
  port: number
}

/** Creates it on the coordinator of `adminUrl`, a superuser's DSN, with the workers that this one has. */
export async function createCitusDatabase(
  adminUrl: string,
  appMigrations: string,
): Promise<CitusDatabase> {
  const database = `tenantry_test_${randomBytes(6).toString('hex')}`
  const workers = await withClient(adminUrl, workersOf)
  const { hostname: host, port } = new URL(adminUrl)
  const servers = [adminUrl, ...workers.map((it) => atNode(adminUrl, it))]
  for (const it of servers) await withClient(it, (client) => createEmpty(client, database))
  const on = (url: string) => withDatabase(url, database)
  for (const it of servers) {
    await withClient(on(it), (client) => client.query('create extension citus'))
  }
  await withClient(on(adminUrl), async (client) => {
    await client.query('select citus_set_coordinator_host($1, $2)', [host, Number(port)])
    for (const it of workers) {
      await client.query('select citus_add_node($1, $2)', [it.host, it.port])
    }
  })
  const passwords = derivedPasswords(adminUrl)
  const urls = await provisionDatabase({ adminUrl: on(adminUrl), database, passwords })
  await migrateUp(urls.owner, histories(appMigrations))
  return {
    urls,
    admin: on(adminUrl),
    workers: servers.slice(1).map(on),
    drop: () => dropEverywhere(servers, database),
  }
}

/** As `tenantry scale citus --apply`. */
export async function distribute(admin: string): Promise<void> {
  await withClient(admin, async (client) => {
    const state = await readCitusState(client)
    const faults = citusFaults(state)
    if (faults.length > 0) throw new Error(faults.join('\n'))
    await applyCitus(client, citusPlan(state), () => {})
  })
}

async function workersOf(client: pg.Client): Promise<Node[]> {
  const { rows } = await client.query<Node>(
    "select nodename as host, nodeport as port from pg_dist_node where groupid <> 0 and noderole = 'primary'",
  )
  return rows
}

function atNode(url: string, { host, port }: Node): string {
  return Object.assign(new URL(url), { hostname: host, port: String(port) }).href
}

async function createEmpty(client: pg.Client, database: string): Promise<void> {
  await client.query('set citus.enable_create_database_propagation = off')
  await client.query(`create database ${database}`)
}

// The coordinator first: it holds connections to the workers.
async function dropEverywhere(servers: string[], database: string): Promise<void> {
  for (const it of servers) {
    await withClient(it, async (client) => {
      await client.query('set citus.enable_create_database_propagation = off')
      await dropDatabase(client, database)
    })
  }
}

// The background processes of a move that has just ended may hold it for some seconds more.
async function dropDatabase(client: pg.Client, database: string, attempts = 10): Promise<void> {
  try {
    await client.query(`drop database if exists ${database} with (force)`)
  } catch (error) {
    const isInUse = (error as { code?: string }).code === '55006'
    if (!isInUse || attempts === 1) throw error
    await dropDatabase(client, database, attempts - 1)
  }
}
