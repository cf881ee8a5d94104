import { fileURLToPath } from 'node:url'
import { databaseForTests } from './packages/server/src/testing/global_setup.ts'

// One database for the run: the kernel's schema and the starter's.
export const setup = databaseForTests(
  fileURLToPath(new URL('./starter/migrations', import.meta.url)),
)
