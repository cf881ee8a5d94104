import { fileURLToPath } from 'node:url'
import { databaseForTests } from 'tenantry/testing'

// One PostgreSQL for the run, with the kernel's schema and this app's.
export const setup = databaseForTests(fileURLToPath(new URL('migrations', import.meta.url)))
