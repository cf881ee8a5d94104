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
import { errorCode } from '../../lib/file_errors.ts'
import { OperatorError } from '../../lib/operator_error.ts'
import { readIfThere } from './process.ts'

/** The user PostgreSQL runs as if this process is root. PostgreSQL refuses to run as root. */
export interface SystemUser {
  name: string
  uid: number
  gid: number
}

/** The place of a DATA_DIR's database. */
export interface DataFolder {
  /** DATA_DIR/postgres, with password, port, owner, lock and log. PostgreSQL's user does not write here. */
  control: string
  /** The parent of `cluster`: `control`, or a folder elsewhere if PostgreSQL's user cannot reach that. */
  files: string
  cluster: string
  user: SystemUser | undefined
}

const POINTER = 'moved-to.txt'
const OWNER = 'belongs-to.txt'
const SHARED_BASE = '/var/lib/tenantry'

export function controlFolder(dataDir: string): string {
  return join(existsSync(dataDir) ? realpathSync(dataDir) : resolve(dataDir), 'postgres')
}

export function makeControlFolder(dataDir: string): string {
  mkdirSync(dataDir, { recursive: true })
  const control = controlFolder(dataDir)
  mkdirSync(control, { recursive: true })
  // If this process is root, PostgreSQL's user must be able to traverse it to reach the cluster.
  chmodSync(control, isRoot() ? 0o711 : 0o700)
  return control
}

/** Finds the data folder of this DATA_DIR, or chooses one. */
export function openDataFolder(control: string, ephemeral: boolean): DataFolder {
  const user = unprivilegedUser()
  const existing = findDataFolder(control)
  if (existing) return checked(existing)
  if (!user || canHoldFilesOf(user, control)) return folderAt(control, control, user)
  return folderAt(control, makeFolderElsewhere(control, user, ephemeral), user)
}

/** The data folder that already holds a cluster, if there is one. */
export function findDataFolder(control: string): DataFolder | undefined {
  const elsewhere = linkedFolder(control)
  const files = existsSync(join(control, 'cluster')) ? control : elsewhere
  if (!files) return undefined
  return folderAt(control, files, ownerOf(join(files, 'cluster')) ?? unprivilegedUser())
}

/** The superuser's password, generated once. Undefined if it is lost although the cluster exists. */
export function readPassword(folder: DataFolder): string | undefined {
  const file = join(folder.control, 'password')
  const stored = readIfThere(file)?.trim()
  if (stored || existsSync(folder.cluster)) return stored || undefined
  const password = randomBytes(24).toString('hex')
  writeFileSync(file, `${password}\n`, { mode: 0o600, flush: true })
  return password
}

/** Spawn options for PostgreSQL's programs: the right user, and none of this process's environment. */
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
  throw new OperatorError(
    'PostgreSQL does not run as root, and the system has neither a user postgres nor nobody: ' +
      'start as another user, or set DB_URL',
  )
}

/** The cluster keeps its owner, even if a user postgres has been added to the system since. */
function ownerOf(cluster: string): SystemUser | undefined {
  if (!isRoot() || !existsSync(cluster)) return undefined
  const { uid, gid } = statSync(cluster)
  if (uid === 0) return undefined
  return { name: findUser((user) => user.uid === uid)?.name ?? `with id ${uid}`, uid, gid }
}

function findUser(matches: (user: SystemUser) => boolean): SystemUser | undefined {
  return readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'))
    .map(([name = '', , uid, gid]) => ({ name, uid: Number(uid), gid: Number(gid) }))
    .find(matches)
}

function folderAt(control: string, files: string, user: SystemUser | undefined): DataFolder {
  return { control, files, cluster: join(files, 'cluster'), user }
}

function checked(folder: DataFolder): DataFolder {
  const { user, cluster } = folder
  if (!user || !existsSync(cluster) || canUse(user, cluster)) return folder
  throw new OperatorError(
    `PostgreSQL runs as user ${user.name} if you are root, and that user cannot use ${cluster}: ` +
      `make the folders above it traversable (chmod o+x), give it to that user (chown -R), ` +
      'or move DATA_DIR',
  )
}

function canHoldFilesOf(user: SystemUser, folder: string): boolean {
  const probe = mkdtempSync(join(folder, 'probe-'))
  try {
    giveTo(user, probe)
    return canUse(user, probe)
  } catch (error) {
    // On some mounts even root cannot change the owner of a file.
    if (errorCode(error) === 'EPERM') return false
    throw error
  } finally {
    rmSync(probe, { recursive: true, force: true })
  }
}

/** Tries as that user: file modes alone do not decide (ACLs, mounts, namespaces). */
function canUse(user: SystemUser, folder: string): boolean {
  const script = 'test -w "$1" && test -x "$1"'
  const { status, error } = spawnSync('/bin/sh', ['-c', script, 'sh', folder], {
    ...spawnSettings(user, '/'),
    stdio: 'ignore',
  })
  if (!error) return status === 0
  throw new OperatorError(
    `PostgreSQL does not run as root, and switching to user ${user.name} failed ` +
      `(${errorCode(error)}): start as another user, or set DB_URL`,
  )
}

/** The folder elsewhere that this DATA_DIR owns. A copied DATA_DIR must not share the original's. */
function linkedFolder(control: string): string | undefined {
  const folder = readIfThere(join(control, POINTER))?.split('\n')[0]
  if (!folder) return undefined
  const owner = readIfThere(join(folder, OWNER))?.trim()
  if (owner === undefined || (owner !== control && existsSync(owner))) return undefined
  if (owner !== control) writeFileSync(join(folder, OWNER), `${control}\n`)
  return folder
}

function makeFolderElsewhere(control: string, user: SystemUser, ephemeral: boolean): string {
  const name = `${createHash('sha256').update(control).digest('hex').slice(0, 12)}-`
  for (const base of ephemeral ? [tmpdir(), '/tmp', SHARED_BASE] : [SHARED_BASE]) {
    const folder = tryFolder(base, base === SHARED_BASE ? name : `tenantry-${name}`, user)
    if (folder) return linked(control, folder)
  }
  throw new OperatorError(
    `PostgreSQL runs as user ${user.name} if you are root, and that user can reach neither ` +
      `${control} nor ${SHARED_BASE}: set DATA_DIR to a folder open to others, or set DB_URL`,
  )
}

function tryFolder(base: string, prefix: string, user: SystemUser): string | undefined {
  try {
    if (mkdirSync(base, { recursive: true })) chmodSync(base, 0o755)
    const folder = mkdtempSync(join(base, prefix))
    chmodSync(folder, 0o711)
    if (canHoldFilesOf(user, folder)) return folder
    rmSync(folder, { recursive: true })
    return undefined
  } catch (error) {
    if (error instanceof OperatorError) throw error
    return undefined
  }
}

function linked(control: string, folder: string): string {
  writeFileSync(join(folder, OWNER), `${control}\n`)
  const reason =
    'The database is in the folder above, because the user that PostgreSQL runs as (it refuses to run\n' +
    'as root) cannot reach this folder. `tenantry reset` removes it.\n'
  writeFileSync(join(control, POINTER), `${folder}\n\n${reason}`)
  return folder
}
