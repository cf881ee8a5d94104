import { defineConfig } from 'vitest/config'
import { findBrowser } from './packages/web/test/find_browser.ts'
import { LongestFirst } from './scripts/tests/longest_first.ts'

const inCI = process.env['CI'] === 'true'
// In CI a test that ran out of time is tried once more, and reported as retried: one that waited in vain,
// or measured too many milliseconds, which have decimal places. Another failed expectation is not: in a
// test of isolation or revocation a single failure is a finding.
const OUT_OF_TIME =
  /timed out|did not print|caught \d+ mails|expected \d+\.\d+ to be (less|greater) than/i

/** What every test needs, whichever database it runs on. */
export const shared = {
  testTimeout: 60_000,
  hookTimeout: 60_000,
  // The default of one second is too short for a busy machine.
  expect: { poll: { timeout: 20_000 } },
  pool: 'threads' as const,
  retry: inCI ? { count: 1, condition: OUT_OF_TIME } : 0,
}

// Two databases: the kernel's tests have an app of their own, so that a change of the starter's tables
// breaks no test of the kernel. The README's examples are the starter's.
export const starterTests = ['starter/src/**/*.test.ts', 'packages/server/test/api/readme.test.ts']

// What is about accounts also runs where each tenant has accounts of its own.
const tenantScopeTests = [
  'packages/server/test/tenant_scope/*.test.ts',
  'packages/server/test/api/ways_in.test.ts',
  'packages/server/src/modules/{account,email_changes,email_codes,hand_overs,invitations}/*.test.ts',
  'packages/server/src/modules/{held_names,members,password_resets,sign_ups,tenant_reminders}/*.test.ts',
  'packages/server/src/modules/sessions/{browser_sessions,new_device,open_session,refresh}.test.ts',
  'packages/server/src/modules/sessions/{sign_in,trusted_addresses}.test.ts',
]

// Their parts are made by npm run test:deploy, which takes minutes.
const deployment = [
  ...(process.env['TENANTRY_IMAGE'] ? [] : ['packages/server/test/deploy/deployment.test.ts']),
  ...(process.env['TENANTRY_CADDY'] ? [] : ['packages/server/test/deploy/caddy.test.ts']),
  ...(process.env['TENANTRY_BUILT_IMAGE'] ? [] : ['packages/server/test/deploy/image.test.ts']),
]

export default defineConfig({
  test: {
    maxWorkers: 3,
    sequence: { sequencer: LongestFirst },
    projects: [
      project('kernel', ['packages/server/test/setup.ts'], {
        include: ['packages/*/{src,test}/**/*.test.ts'],
        // Those of PgBouncer and Citus need one: npm run test:pgbouncer, npm run test:citus. Those of the
        // packages install them from a registry: npm run test:package.
        exclude: [
          'packages/server/test/{citus,package,pgbouncer,tenant_scope}/**',
          ...deployment,
          ...starterTests,
        ],
      }),
      project('kernel-tenant-scope', ['packages/server/test/setup_tenant_scope.ts'], {
        include: tenantScopeTests,
      }),
      project('starter', ['starter/vitest.setup.ts'], { include: starterTests }),
      project('scripts', [], { include: ['scripts/**/*.test.ts'] }),
      ...browserProject(),
    ],
  },
})

function project(
  name: string,
  globalSetup: string[],
  files: { include: string[]; exclude?: string[]; retry?: number },
) {
  // `tenantry` is its sources here, as tsconfig.json says.
  // Loading the kernel anew for each file took a third of the time. No test replaces a module.
  const test = { ...shared, name, globalSetup, isolate: false, restoreMocks: true, ...files }
  return { resolve: { tsconfigPaths: true }, test }
}

/** The tests of the pages. Without a browser they are left out, except in CI. */
function browserProject() {
  if (findBrowser(process.env) === undefined) {
    const advice = 'install chromium-headless-shell, or set CHROMIUM_PATH'
    if (inCI) throw new Error(`the tests of the pages need a browser: ${advice}`)
    process.stderr.write(`no browser: the tests of the pages are skipped (${advice})\n`)
    return []
  }
  const setup = ['starter/vitest.setup.ts', 'packages/web/test/setup.ts']
  // What a browser does in time depends on the machine, whatever the expectation that fails of it.
  const retry = inCI ? 1 : 0
  return [project('browser', setup, { include: ['packages/web/test/**/*.browser.ts'], retry })]
}
