import { spawnSync } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { EmbeddedError, errorCode } from './error.ts'
import { readIfThere } from './process.ts'

/** Whom PostgreSQL runs as when we are root, because it refuses to run as root. */
export interface SystemUser {
  name: string
  uid: number
  gid: number
}

/** Where a DATA_DIR's database is. */
export interface DataFolder {
  /** DATA_DIR/postgres: password, port, owner, lock and log; ours alone. */
  control: string
  /** Holds the cluster: `control`, or a folder elsewhere when the database's user cannot go there. */
  files: string
  cluster: string
  user: SystemUser | undefined
}

const POINTER = 'moved-to.txt'
const RECORD = 'belongs-to.txt'
const SHARED_BASE = '/var/lib/tenantry'

export function controlFolder(dataDir: string): string {
  return join(existsSync(dataDir) ? realpathSync(dataDir) : resolve(dataDir), 'postgres')
}

export function makeControlFolder(dataDir: string): string {
  mkdirSync(dataDir, { recursive: true })
  const control = controlFolder(dataDir)
  mkdirSync(control, { recursive: true })
  // As root, the database's user must pass through it to the cluster.
  chmodSync(control, isRoot() ? 0o711 : 0o700)
  return control
}

/** Finds the home of this DATA_DIR, and where there is none, chooses it. */
export function openDataFolder(control: string, ephemeral: boolean): DataFolder {
  const user = unprivilegedUser()
  const existing = findDataFolder(control)
  if (existing) return usable(existing)
  if (!user || holdsFilesOf(user, control)) return homeAt(control, control, user)
  return homeAt(control, makeFarFolder(control, user, ephemeral), user)
}

/** The home that holds a cluster already, if there is one. */
export function findDataFolder(control: string): DataFolder | undefined {
  const far = pointedFolder(control)
  const files = existsSync(join(control, 'cluster')) ? control : far
  if (!files) return undefined
  return homeAt(control, files, ownerOf(join(files, 'cluster')) ?? unprivilegedUser())
}

/** The superuser's password, made once; undefined where it is lost but the cluster is there. */
export function readPassword(home: DataFolder): string | undefined {
  const file = join(home.control, 'password')
  const kept = readIfThere(file)?.trim()
  if (kept || existsSync(home.cluster)) return kept || undefined
  const password = randomBytes(24).toString('hex')
  writeFileSync(file, `${password}\n`, { mode: 0o600, flush: true })
  return password
}

/** For PostgreSQL's programs: the right user, and nothing of our environment, secrets included. */
export function spawnSettings(user: SystemUser | undefined, cwd: string) {
  const environment = { LC_ALL: 'C', TZ: 'UTC', PATH: '/usr/bin:/bin' }
  return {
    cwd,
    windowsHide: true,
    ...(user && { uid: user.uid, gid: user.gid }),
    ...(process.platform !== 'win32' && { env: environment }),
  }
}

export function giveTo(user: SystemUser | undefined, path: string): void {
  if (user) chownSync(path, user.uid, user.gid)
}

function isRoot(): boolean {
  return process.geteuid?.() === 0
}

function unprivilegedUser(): SystemUser | undefined {
  if (!isRoot()) return undefined
  const user = findUser(({ name }) => name === 'postgres') ?? findUser((u) => u.name === 'nobody')
  if (user) return user
  throw new EmbeddedError(
    'PostgreSQL does not run as root, and there is no user postgres or nobody to run it as: ' +
      'start as another user, or set DB_URL',
  )
}

/** The user who made the cluster goes on owning it, whatever users came to the system since. */
function ownerOf(cluster: string): SystemUser | undefined {
  if (!isRoot() || !existsSync(cluster)) return undefined
  const { uid, gid } = statSync(cluster)
  if (uid === 0) return undefined
  return { name: findUser((user) => user.uid === uid)?.name ?? `with id ${uid}`, uid, gid }
}

function findUser(wanted: (user: SystemUser) => boolean): SystemUser | undefined {
  return readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'))
    .map(([name = '', , uid, gid]) => ({ name, uid: Number(uid), gid: Number(gid) }))
    .find(wanted)
}

function homeAt(control: string, files: string, user: SystemUser | undefined): DataFolder {
  return { control, files, cluster: join(files, 'cluster'), user }
}

function usable(home: DataFolder): DataFolder {
  if (!home.user || !existsSync(home.cluster) || canUse(home.user, home.cluster)) return home
  throw new EmbeddedError(
    `User ${home.user.name}, who runs PostgreSQL when you are root, cannot use ${home.cluster}: ` +
      `let others pass through the folders above it (chmod o+x), give it to that user (chown -R), ` +
      'or move DATA_DIR',
  )
}

function holdsFilesOf(user: SystemUser, folder: string): boolean {
  const probe = mkdtempSync(join(folder, 'probe-'))
  try {
    giveTo(user, probe)
    return canUse(user, probe)
  } catch (error) {
    // Some mounts do not let even root give files away.
    if (errorCode(error) === 'EPERM') return false
    throw error
  } finally {
    rmSync(probe, { recursive: true, force: true })
  }
}

/** Asks the kernel as that user, since modes alone do not tell (ACLs, mounts, namespaces). */
function canUse(user: SystemUser, folder: string): boolean {
  const script = 'test -w "$1" && test -x "$1"'
  const { status, error } = spawnSync('/bin/sh', ['-c', script, 'sh', folder], {
    ...spawnSettings(user, '/'),
    stdio: 'ignore',
  })
  if (!error) return status === 0
  throw new EmbeddedError(
    `PostgreSQL does not run as root, and switching to user ${user.name} failed ` +
      `(${errorCode(error)}): start as another user, or set DB_URL`,
  )
}

/** The folder elsewhere that is ours; a copied DATA_DIR must not share the original's. */
function pointedFolder(control: string): string | undefined {
  const folder = readIfThere(join(control, POINTER))?.split('\n')[0]
  if (!folder) return undefined
  const record = readIfThere(join(folder, RECORD))?.trim()
  if (record === undefined || (record !== control && existsSync(record))) return undefined
  if (record !== control) writeFileSync(join(folder, RECORD), `${control}\n`)
  return folder
}

function makeFarFolder(control: string, user: SystemUser, ephemeral: boolean): string {
  const name = `${createHash('sha256').update(control).digest('hex').slice(0, 12)}-`
  for (const base of ephemeral ? [tmpdir(), '/tmp', SHARED_BASE] : [SHARED_BASE]) {
    const folder = tryFolder(base, base === SHARED_BASE ? name : `tenantry-${name}`, user)
    if (folder) return recorded(control, folder)
  }
  throw new EmbeddedError(
    `User ${user.name}, who runs PostgreSQL when you are root, can reach neither ${control} nor ` +
      `${SHARED_BASE}: set DATA_DIR to a folder that is open to others, or set DB_URL`,
  )
}

function tryFolder(base: string, prefix: string, user: SystemUser): string | undefined {
  try {
    if (mkdirSync(base, { recursive: true })) chmodSync(base, 0o755)
    const folder = mkdtempSync(join(base, prefix))
    chmodSync(folder, 0o711)
    if (holdsFilesOf(user, folder)) return folder
    rmSync(folder, { recursive: true })
    return undefined
  } catch (error) {
    if (error instanceof EmbeddedError) throw error
    return undefined
  }
}

function recorded(control: string, folder: string): string {
  writeFileSync(join(folder, RECORD), `${control}\n`)
  const why =
    'The database is in the folder above, because the user who runs PostgreSQL when you are root\n' +
    'cannot reach this one. `tenantry reset` removes it.\n'
  writeFileSync(join(control, POINTER), `${folder}\n\n${why}`)
  return folder
}
