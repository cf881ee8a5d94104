import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

const source = (path: string) => fileURLToPath(new URL(`./packages/server/src/${path}`, import.meta.url))

// biome-ignore lint/style/noDefaultExport: vitest reads its configuration from the default export.
export default defineConfig({
  resolve: {
    alias: [
      { find: /^tenantry$/, replacement: source('index.ts') },
      { find: /^tenantry\/testing$/, replacement: source('testing.ts') },
    ],
  },
  test: {
    globalSetup: ['./vitest.setup.ts'],
    include: ['packages/*/{src,test}/**/*.test.ts', 'starter/src/**/*.test.ts'],
    testTimeout: 20_000,
    hookTimeout: 30_000,
    pool: 'threads',
    maxWorkers: 3,
  },
})
