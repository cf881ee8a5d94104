import { defineConfig } from 'vitest/config'

export default defineConfig({
  // Beside the kernel's sources those are `tenantry`; tsconfig.json says where they would be.
  resolve: { tsconfigPaths: true },
  test: {
    globalSetup: ['./vitest.setup.ts'],
    include: ['src/**/*.test.ts'],
    testTimeout: 20_000,
    hookTimeout: 30_000,
  },
})
