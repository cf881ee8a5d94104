import { fileURLToPath } from 'node:url'
import { databaseForTests } from 'tenantry/testing'

// One PostgreSQL for all tests, with the schemas of the kernel and of this app.
export const setup = databaseForTests(fileURLToPath(new URL('migrations', import.meta.url)))
