import { defineConfig } from 'vitest/config'

/** `npm run test:package`: an app as `npm create tenantry` makes it, from the packages that npm would publish. */
export default defineConfig({
  resolve: { tsconfigPaths: true },
  test: {
    include: ['packages/server/test/package/*.test.ts'],
    hookTimeout: 300_000,
    pool: 'threads',
  },
})
