import { defineConfig } from 'vitest/config'

/** What every test needs, whichever database it runs on. */
export const shared = {
  testTimeout: 60_000,
  hookTimeout: 60_000,
  // The default of one second is too short for a busy machine.
  expect: { poll: { timeout: 20_000 } },
  pool: 'threads' as const,
}

// Two databases: the kernel's tests have an app of their own, so that a change of the starter's tables
// breaks no test of the kernel. The README's examples are the starter's.
export const starterTests = ['starter/src/**/*.test.ts', 'packages/server/test/api/readme.test.ts']

export default defineConfig({
  test: {
    maxWorkers: 3,
    projects: [
      project('kernel', 'packages/server/test/setup.ts', {
        include: ['packages/*/{src,test}/**/*.test.ts'],
        // Those of PgBouncer need one: npm run test:pgbouncer.
        exclude: ['packages/server/test/pgbouncer/**', ...starterTests],
      }),
      project('starter', 'starter/vitest.setup.ts', { include: starterTests }),
      project('scripts', undefined, { include: ['scripts/**/*.test.ts'] }),
    ],
  },
})

function project(
  name: string,
  globalSetup: string | undefined,
  files: { include: string[]; exclude?: string[] },
) {
  const setup = globalSetup === undefined ? {} : { globalSetup: [globalSetup] }
  // `tenantry` is its sources here, as tsconfig.json says.
  return { resolve: { tsconfigPaths: true }, test: { ...shared, name, ...setup, ...files } }
}
