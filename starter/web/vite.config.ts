import { tenantryWeb } from 'tenantry-web/vite'
import { defineConfig } from 'vite'

export default defineConfig({ root: import.meta.dirname, plugins: [tenantryWeb()] })
