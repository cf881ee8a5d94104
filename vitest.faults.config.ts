import { defineConfig } from 'vitest/config'

/** `npm run test:faults`: what breaks in production, done to servers under load. */
export default defineConfig({
  resolve: { tsconfigPaths: true },
  test: {
    include: ['packages/server/test/faults/*.fault.ts'],
    testTimeout: 180_000,
    hookTimeout: 180_000,
    expect: { poll: { timeout: 20_000 } },
    pool: 'threads',
    // Each file brings a database and servers; what one does must not slow the other down.
    fileParallelism: false,
  },
})
