import { randomBytes } from 'node:crypto'
import type { TemporaryDatabase } from '../../packages/server/src/db/provisioning/temporary_database.ts'
import { type AppServer, startAppServer } from './app_server.ts'
import { fillTenants, openBigDatabase } from './big_database.ts'
import { type Peer, startPeer } from './child.ts'
import { openDatabase } from './database.ts'
import { type InstalledApp, installApp } from './installed_app.ts'
import { type Loader, startLoader } from './loader.ts'

/** The tools of a figure. Everything it starts is stopped when it ends. */
export interface Bench {
  /** Migrated, and shared by all figures of a run. */
  database: TemporaryDatabase
  secret: string
  app: InstalledApp
  scale: Scale
  startApp(settings?: Record<string, string>, database?: TemporaryDatabase): Promise<AppServer>
  startPeer(name: string, env?: Record<string, string>): Promise<Peer>
  startLoader(): Promise<Loader>
  /** Opens a database for this figure only. */
  openDatabase(): Promise<TemporaryDatabase>
  /** A database with `scale.tenants` tenants and as many domains, created at the first call and then shared. */
  bigHosts(): Promise<TemporaryDatabase>
  /** The same one, with members and projects since the first call. */
  bigDatabase(): Promise<TemporaryDatabase>
  /** Prints the progress. */
  progress(text: string): void
}

/** The size of the measurement; smaller during work on the benchmark itself. */
export interface Scale {
  tenants: number
  soakMinutes: number
  randomRequests: number
}

/** A remark for a figure that was measured with fewer than a million; undefined otherwise. */
export function below(count: number, of: string): string | undefined {
  return count < 1_000_000 ? `with ${count.toLocaleString('en')} ${of}` : undefined
}

/** Opens the resources that all figures share, runs `work`, and closes everything. */
export async function withBench<T>(
  scale: Scale,
  progress: (text: string) => void,
  work: (figure: <R>(measure: (bench: Bench) => Promise<R>) => Promise<R>) => Promise<T>,
): Promise<T> {
  progress('building the kernel, starting PostgreSQL')
  const app = await installApp()
  const database = await openDatabase()
  const secret = randomBytes(48).toString('base64')
  const big = bigDatabases(database, scale, progress)
  const shared = { app, database, secret, scale, progress, ...big }
  try {
    return await work((measure) => withOwnProcesses(shared, measure))
  } finally {
    await database.stop()
    await app.remove()
  }
}

function bigDatabases(
  database: TemporaryDatabase,
  { tenants }: Scale,
  progress: Bench['progress'],
): Pick<Bench, 'bigHosts' | 'bigDatabase'> {
  let hosts: Promise<TemporaryDatabase> | undefined
  let all: Promise<TemporaryDatabase> | undefined
  const bigHosts = () => {
    hosts ??= openBigDatabase(database, tenants, progress)
    return hosts
  }
  const filled = async () => {
    const big = await bigHosts()
    await fillTenants(big, tenants, progress)
    return big
  }
  return {
    bigHosts,
    bigDatabase() {
      all ??= filled()
      return all
    },
  }
}

type Shared = Pick<
  Bench,
  'app' | 'database' | 'secret' | 'scale' | 'progress' | 'bigHosts' | 'bigDatabase'
>

async function withOwnProcesses<R>(
  shared: Shared,
  measure: (bench: Bench) => Promise<R>,
): Promise<R> {
  const { app, secret } = shared
  const started: { stop(): Promise<void> }[] = []
  const kept = <T extends { stop(): Promise<void> }>(it: T): T => {
    started.unshift(it)
    return it
  }
  try {
    return await measure({
      ...shared,
      startApp: async (settings = {}, database = shared.database) =>
        kept(await startAppServer({ app, database, secret, settings })),
      startPeer: async (name, env) => kept(await startPeer(name, env)),
      startLoader: async () => kept(await startLoader()),
      openDatabase: async () => kept(await openDatabase()),
    })
  } finally {
    for (const it of started) await it.stop()
  }
}
