import { defineConfig } from 'vite'
import { tenantryWeb } from './src/vite.ts'

/** Builds the pages that an app without pages of its own is served. */
export default defineConfig({
  root: import.meta.dirname,
  build: { outDir: 'site' },
  plugins: [tenantryWeb()],
})
