import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import rules from '../.dependency-cruiser.mjs'

const root = join(import.meta.dirname, '..')
const folders: string[] = []
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true })
})

const kernel = 'packages/server/src'

/** An import that breaks each rule: the importing file and what it imports. */
const forbidden: Record<string, [from: string, to: string]> = {
  'no-cycles': [`${kernel}/lib/errors.ts`, './ids.ts'],
  resolvable: [`${kernel}/config/config.ts`, './nothing.ts'],
  'app-uses-public-entry': ['starter/src/a.ts', '../../packages/server/src/lib/ids.ts'],
  'testing-in-tests-only': ['starter/src/b.ts', 'tenantry/testing'],
  'kernel-knows-no-app': [`${kernel}/app/policy.test.ts`, '../../../../starter/src/a.ts'],
  'sources-need-no-scripts': ['starter/src/c.ts', '../../scripts/check.ts'],
  'scaffolder-stands-alone': ['packages/create-tenantry/src/a.ts', 'semver'],
  'only-wiring-knows-modules': [
    `${kernel}/tenancy/find_tenant.ts`,
    '../modules/tenants/tenants.ts',
  ],
  'modules-keep-their-internals': [`${kernel}/modules/members/members.ts`, '../tenants/secret.ts'],
  'modules-import-no-http': [`${kernel}/modules/tenants/tenants.ts`, '../../http/server.ts'],
  'wiring-is-the-top': [`${kernel}/app/define_app.ts`, '../runtime/create_app.ts'],
  'public-entry-is-for-apps': [`${kernel}/access/tokens.ts`, '../index.ts'],
  'testing-is-for-tests': [`${kernel}/access/passwords.ts`, '../testing/test_app.ts'],
  'framework-in-two-files': [`${kernel}/http/response/serialize.ts`, 'fastify'],
  'driver-in-db': [`${kernel}/modules/users/users.ts`, 'pg'],
  'served-by-dependencies': [`${kernel}/lib/keys.ts`, 'semver'],
}

test('every forbidden import is found, type imports included', () => {
  const folder = newFolder({
    [`${kernel}/lib/ids.ts`]: ['./errors.ts'],
    [`${kernel}/index.ts`]: [],
    [`${kernel}/testing.ts`]: [],
    [`${kernel}/testing/test_app.ts`]: [],
    [`${kernel}/runtime/create_app.ts`]: [],
    [`${kernel}/http/server.ts`]: [],
    [`${kernel}/modules/tenants/secret.ts`]: [],
    'scripts/check.ts': [],
    ...Object.fromEntries(Object.values(forbidden).map(([from, to]) => [from, [to]])),
  })
  const { output, status } = check(folder)
  for (const [name, [from]] of Object.entries(forbidden))
    expect(output).toContain(`${name}: ${from}`)
  expect(status).toBe(1)
})

test('every rule has an import that breaks it', () => {
  expect(Object.keys(forbidden)).toEqual(rules.forbidden?.map((it) => it.name))
})

test('allowed imports pass', () => {
  const folder = newFolder({
    [`${kernel}/index.ts`]: ['./lib/ids.ts'],
    [`${kernel}/lib/ids.ts`]: ['uuid'],
    [`${kernel}/testing.ts`]: ['./testing/test_app.ts'],
    [`${kernel}/testing/test_app.ts`]: ['../runtime/create_app.ts', 'vitest'],
    [`${kernel}/runtime/create_app.ts`]: ['../modules/users/users.ts', '../http/server.ts'],
    [`${kernel}/http/server.ts`]: ['fastify', '../db/pool.ts'],
    [`${kernel}/db/pool.ts`]: ['pg'],
    [`${kernel}/modules/users/users.ts`]: ['kysely', 'zod', '../../db/pool.ts'],
    [`${kernel}/modules/members/members.ts`]: ['../users/users.ts'],
    [`${kernel}/modules/members/members.test.ts`]: ['../../testing.ts', 'pg'],
    'packages/server/test/api/readme.test.ts': ['../../../../starter/src/app.ts'],
    'packages/server/test/fixtures/app/app.ts': ['tenantry', './policy.ts'],
    'packages/server/test/fixtures/app/policy.ts': [],
    'starter/src/app.ts': ['tenantry', 'zod'],
    'starter/src/app.test.ts': ['tenantry/testing'],
    'scripts/check.ts': ['../packages/server/src/db/pool.ts'],
  })
  expect(check(folder)).toEqual({ output: '', status: 0 })
})

test('an import upwards is found, also where no two files import each other', () => {
  const folder = newFolder({
    [`${kernel}/index.ts`]: [],
    [`${kernel}/testing.ts`]: [],
    [`${kernel}/db/pool.ts`]: ['../limits/queue.ts'],
    [`${kernel}/db/migrations/load.ts`]: [],
    [`${kernel}/limits/queue.ts`]: [],
    [`${kernel}/limits/rate.ts`]: ['../db/migrations/load.ts'],
    [`${kernel}/lib/ids.ts`]: ['uuid'],
    'starter/src/a.ts': [],
    'scripts/a.ts': [],
  })
  const { output, status } = check(folder)
  expect(output).toBe(`downwards: ${kernel}/db/pool.ts -> ${kernel}/limits/queue.ts\n`)
  expect(status).toBe(1)
})

test('a folder without a single import does not pass', () => {
  const folder = newFolder({ [`${kernel}/a.ts`]: [], 'starter/src/b.ts': [], 'scripts/c.ts': [] })
  expect(check(folder)).toEqual({ output: 'no import was found\n', status: 1 })
})

/** A repository of these files, each with its imports, and with this repository's packages. */
function newFolder(files: Record<string, string[]>): string {
  const folder = mkdtempSync(join(tmpdir(), 'imports-test-'))
  folders.push(folder)
  for (const manifest of ['package.json', 'packages/server/package.json', 'starter/package.json']) {
    cpSync(join(root, manifest), join(folder, manifest))
  }
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'))
  for (const [path, imports] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    const lines = imports.map((it, at) => `import type * as it${at} from '${it}'\n`)
    writeFileSync(join(folder, path), `export const it = 1\n${lines.join('')}`)
  }
  return folder
}

function check(folder: string): { output: string; status: number | null } {
  const script = join(root, 'scripts/imports.mjs')
  const { stdout, stderr, status } = spawnSync(process.execPath, [script, folder], {
    encoding: 'utf8',
  })
  return { output: stdout + stderr, status }
}
