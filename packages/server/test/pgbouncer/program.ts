import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'

/** A PgBouncer that can be run, and the libraries that it needs in addition to the system's. */
export interface Program {
  path: string
  libraries: string
  version: string
}

/**
 * Finds the installed PgBouncer, or else unpacks Debian's package and its missing libraries into
 * `folder`, without root and without traces. Throws with instructions when there is neither.
 */
export function findProgram(folder: string): Program {
  const installed = ['/usr/sbin/pgbouncer', '/usr/bin/pgbouncer', '/opt/homebrew/bin/pgbouncer']
  const path = installed.find(existsSync) ?? unpack(folder)
  const libraries = librariesIn(folder)
  const { stdout } = run(path, ['--version'], { LD_LIBRARY_PATH: libraries })
  return { path, libraries, version: /PgBouncer ([\d.]+)/.exec(stdout)?.[1] ?? 'unknown' }
}

function unpack(folder: string): string {
  run('apt-get', ['download', 'pgbouncer', ...missingLibraries()], {}, folder)
  for (const name of readdirSync(folder).filter((it) => it.endsWith('.deb'))) {
    run('dpkg', ['-x', join(folder, name), folder])
  }
  return join(folder, 'usr/sbin/pgbouncer')
}

function missingLibraries(): string[] {
  const only = ['recommends', 'suggests', 'conflicts', 'breaks', 'replaces', 'enhances']
  const { stdout } = run('apt-cache', ['depends', ...only.map((it) => `--no-${it}`), 'pgbouncer'])
  const names = [...stdout.matchAll(/^ {2}Depends: (lib\S+)$/gm)].map(([, name = '']) => name)
  return names.filter((name) => spawnSync('dpkg', ['--status', name]).status !== 0)
}

function librariesIn(folder: string): string {
  return ['usr/lib', 'lib']
    .map((it) => join(folder, it))
    .filter(existsSync)
    .flatMap((it) => readdirSync(it).map((name) => join(it, name)))
    .filter((it) => it.endsWith('-linux-gnu'))
    .join(':')
}

function run(command: string, args: string[], env: Record<string, string> = {}, cwd?: string) {
  const options = { env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', ...env }, cwd }
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    ...options,
    encoding: 'utf8',
  })
  if (status === 0) return { stdout }
  throw new Error(
    `no PgBouncer to test with: install it, or on Debian run apt-get update, so that its package can be
unpacked here (${command} ${args.join(' ')}: ${error?.message ?? stderr})`,
  )
}
