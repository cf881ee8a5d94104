import { join } from 'node:path'
import { defineConfig } from 'vitest/config'
import { shared, starterTests } from './vitest.config.ts'

// The tests that are near to the database, on a Citus coordinator whose superuser's DSN is TEST_CITUS_URL. The
// data plane is distributed over its workers.
const citusUrl = process.env['TEST_CITUS_URL'] ?? ''
// knip reads this file, too.
if (citusUrl === '' && process.env['npm_lifecycle_event'] === 'test:citus') {
  process.stdout.write('skipped: TEST_CITUS_URL is not set (docs/scaling.md)\n')
  process.exit(0)
}
const server = 'packages/server'
const fixtureMigrations = `${server}/test/fixtures/app/migrations`

const kernelTests = [
  `${server}/test/citus/*.test.ts`,
  `${server}/test/database/*.test.ts`,
  `${server}/test/revocation/*.test.ts`,
  `${server}/src/modules/**/*.test.ts`,
  `${server}/test/api/references.test.ts`,
]

// They make databases or servers of their own, which are not distributed, or are about one server.
const notDistributed = [
  `${server}/test/database/{backup,backup_role,concurrent_servers,erasure,inherited_settings,roles,upgrade}.test.ts`,
  `${server}/test/revocation/full_notify_queue.test.ts`,
]

// There the audit log has other guards (docs/decisions/0082-the-audit-log-on-citus.md).
const otherGuards = ['has the keys, policies and grants as recorded', 'the audit log ']

// Citus refuses these, too, with codes of its own. test/citus has the like.
const otherCodes = [
  'forces row-level security on the owner too',
  "lets no tenant change, lock or delete another's row",
  'copies out only visible rows',
  'lets no tenant move a row to another tenant',
  'writes no row of tenantry.audit_logs',
]

// It kills a worker, and runs after all others.
const crash = `${server}/test/citus/crash.test.ts`

const project = (
  name: string,
  citusMigrations: string,
  include: string[],
  exclude: string[],
  groupOrder = 0,
) => ({
  resolve: { tsconfigPaths: true },
  test: {
    ...shared,
    name: `${name}, Citus`,
    globalSetup: [`./${server}/test/citus/setup.ts`],
    provide: { citusUrl, citusMigrations: join(import.meta.dirname, citusMigrations) },
    include,
    exclude,
    testNamePattern: new RegExp(`^(?!.*(${[...otherGuards, ...otherCodes].join('|')}))`),
    isolate: false,
    restoreMocks: true,
    sequence: { groupOrder },
  },
})

export default defineConfig({
  test: {
    projects: [
      project('kernel', fixtureMigrations, kernelTests, [...notDistributed, crash]),
      project('starter', 'starter/migrations', starterTests, []),
      project('crash', fixtureMigrations, [crash], [], 1),
    ],
    maxWorkers: 2,
  },
})
