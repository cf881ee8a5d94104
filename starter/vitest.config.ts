import { defineConfig } from 'vitest/config'

export default defineConfig({
  // In the kernel's repository, tsconfig.json maps `tenantry` to the kernel's sources.
  resolve: { tsconfigPaths: true },
  test: {
    globalSetup: ['./vitest.setup.ts'],
    include: ['src/**/*.test.ts'],
    testTimeout: 20_000,
    hookTimeout: 30_000,
  },
})
