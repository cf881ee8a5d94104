import { defineConfig } from 'vitest/config'

export default defineConfig({
  // `tenantry` is its sources here, as tsconfig.json says.
  resolve: { tsconfigPaths: true },
  test: {
    globalSetup: ['./vitest.setup.ts'],
    include: [
      'packages/*/{src,test}/**/*.test.ts',
      'starter/src/**/*.test.ts',
      'scripts/**/*.test.ts',
    ],
    // They need a PgBouncer: npm run test:pgbouncer.
    exclude: ['packages/server/test/pgbouncer/**'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // A second, which is usual, is no time on a busy machine.
    expect: { poll: { timeout: 20_000 } },
    pool: 'threads',
    maxWorkers: 3,
  },
})
