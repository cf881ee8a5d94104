import { execFileSync } from 'node:child_process'
import { mkdirSync, statSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import type pg from 'pg'
import type { Cluster } from './cluster.ts'
import type { Stage } from './stage.ts'

/** A failure of the database or of the network to it. */
export interface Fault {
  name: string
  /** Some requests must fail while it lasts; otherwise it did not happen. */
  causesFailures?: true
  /** Causes the failure; resolves when it is over. */
  happen(stage: Stage): Promise<void>
}

const OF_SERVERS = "usename in ('tenantry_app', 'tenantry_identity')"

/** The faults of the database and the network (requirements, section 5). */
export const databaseFaults: Fault[] = [
  {
    name: 'backends terminated, five times',
    happen: ({ cluster }) => repeat(5, 300, () => terminate(cluster)),
  },
  {
    name: 'connections cut at any moment, twenty times',
    causesFailures: true,
    happen: ({ network, listenerNetwork }) =>
      repeat(20, 100, async () => {
        network.cut()
        listenerNetwork.cut()
      }),
  },
  {
    name: 'one backend killed (kill -9): PostgreSQL restarts itself',
    async happen({ cluster }) {
      const pids = await backends(cluster)
      process.kill(pids[0] ?? 0, 'SIGKILL')
      await sleep(500)
    },
  },
  {
    name: 'postmaster killed (kill -9), back after 2 s',
    causesFailures: true,
    async happen({ cluster }) {
      const [first = 0] = await cluster.processes()
      process.kill(first, 'SIGKILL')
      await sleep(2_000)
      await cluster.restart()
    },
  },
  {
    name: 'database frozen (SIGSTOP) for 3 s',
    causesFailures: true,
    async happen({ cluster }) {
      const pids = await cluster.processes()
      for (const pid of pids) process.kill(pid, 'SIGSTOP')
      await sleep(3_000)
      for (const pid of pids) signalIfThere(pid, 'SIGCONT')
    },
  },
  {
    name: 'network frozen for 3 s',
    causesFailures: true,
    happen: ({ network, listenerNetwork }) => inMode([network, listenerNetwork], 'freeze', 3_000),
  },
  {
    name: 'network refuses for 2 s',
    causesFailures: true,
    happen: ({ network, listenerNetwork }) => inMode([network, listenerNetwork], 'refuse', 2_000),
  },
  {
    name: 'database 200 ms away in each direction for 4 s',
    happen: (stage) => delay(stage, 4_000),
  },
  {
    name: 'listener cut for 3 s',
    happen: ({ listenerNetwork }) => inMode([listenerNetwork], 'refuse', 3_000),
  },
  {
    name: 'listener frozen for 3 s',
    happen: ({ listenerNetwork }) => inMode([listenerNetwork], 'freeze', 3_000),
  },
  {
    name: 'pool exhausted: the table locked by a migration for 3 s',
    causesFailures: true,
    happen: ({ cluster }) =>
      cluster.asAdmin(async (client) => {
        await client.query('begin')
        await client.query('lock table projects in access exclusive mode')
        await sleep(3_000)
        await client.query('rollback')
      }),
  },
  {
    name: 'too many connections for the role (53300) for 2 s',
    causesFailures: true,
    happen: ({ cluster }) =>
      cluster.asAdmin(async (client) => {
        await client.query('alter role tenantry_app connection limit 0')
        await client.query(
          `select pg_terminate_backend(pid) from pg_stat_activity where ${OF_SERVERS}`,
        )
        await sleep(2_000)
        await client.query('alter role tenantry_app connection limit -1')
      }),
  },
  {
    name: 'read-only (default_transaction_read_only) for 2 s',
    causesFailures: true,
    async happen({ cluster }) {
      await setReadOnly(cluster, true)
      await sleep(2_000)
      await setReadOnly(cluster, false)
    },
  },
]

/** Needs root, because it mounts a disk of 16 MB. */
export const diskFull: Fault = {
  name: 'disk full (a tablespace of 16 MB) for 2 s',
  causesFailures: true,
  async happen({ cluster }) {
    await cluster.asAdmin(async (client) => {
      await client.query('create table filler (line text) tablespace tiny')
      await client.query('alter table filler alter line set storage plain')
      await fill(client)
      await sleep(2_000)
      await client.query('drop table filler')
    })
  },
}

/** Delays all traffic to and from the database by 200 ms for a while. */
export async function delay({ network, listenerNetwork }: Stage, forMs: number): Promise<void> {
  for (const it of [network, listenerNetwork]) it.delayBy(200)
  await sleep(forMs)
  for (const it of [network, listenerNetwork]) it.delayBy(0)
}

/** Moves the table of the load to a small disk while `work` runs. */
export async function onTinyDisk<T>(cluster: Cluster, work: () => Promise<T>): Promise<T> {
  const unmount = mountTinyDisk(cluster)
  const move = (where: string) =>
    cluster.asAdmin((client) => client.query(`alter table projects set tablespace ${where}`))
  try {
    await cluster.asAdmin((client) =>
      client.query(`create tablespace tiny location '${tinyDisk(cluster)}'`),
    )
    await move('tiny')
    const result = await work()
    await move('pg_default')
    await cluster.asAdmin((client) => client.query('drop tablespace tiny'))
    return result
  } finally {
    unmount()
  }
}

function tinyDisk({ dataFolder }: Cluster): string {
  return `${dataFolder}-tiny`
}

function mountTinyDisk(cluster: Cluster): () => void {
  const folder = tinyDisk(cluster)
  const { uid, gid } = statSync(cluster.dataFolder)
  const options = `size=16m,mode=0700,uid=${uid},gid=${gid}`
  mkdirSync(folder)
  execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', folder])
  // Lazily: after a failed test the server may still use it.
  return () => execFileSync('umount', ['--lazy', folder])
}

async function fill(client: pg.Client): Promise<void> {
  const full = (error: unknown) =>
    error instanceof Error && 'code' in error && error.code === '53100'
  for (const lines of [1_000, 100, 10, 1]) {
    const more = `insert into filler select repeat('x', 1000) from generate_series(1, ${lines})`
    while (
      await client.query(more).then(
        () => true,
        (error) => !full(error),
      )
    )
      await sleep(1)
  }
}

async function repeat(times: number, pauseMs: number, work: () => Promise<unknown>): Promise<void> {
  for (let time = 0; time < times; time++) {
    await work()
    await sleep(pauseMs)
  }
}

async function inMode(
  networks: Stage['network'][],
  mode: 'freeze' | 'refuse',
  ms: number,
): Promise<void> {
  for (const it of networks) it.set(mode)
  await sleep(ms)
  for (const it of networks) it.set('pass')
}

function terminate(cluster: Cluster): Promise<unknown> {
  return cluster.asAdmin((client) =>
    client.query(`select pg_terminate_backend(pid) from pg_stat_activity where ${OF_SERVERS}`),
  )
}

async function backends(cluster: Cluster): Promise<number[]> {
  const { rows } = await cluster.asAdmin((client) =>
    client.query<{ pid: number }>(`select pid from pg_stat_activity where ${OF_SERVERS}`),
  )
  return rows.map((it) => it.pid)
}

async function setReadOnly(cluster: Cluster, on: boolean): Promise<void> {
  await cluster.asAdmin(async (client) => {
    await client.query(
      on
        ? 'alter system set default_transaction_read_only = on'
        : 'alter system reset default_transaction_read_only',
    )
    await client.query('select pg_reload_conf()')
  })
}

function signalIfThere(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch {
    // It ended while it was stopped.
  }
}
