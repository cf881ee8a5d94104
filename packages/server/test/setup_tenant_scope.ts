import { databaseForTests } from '../src/testing/global_setup.ts'
import { appMigrations } from './fixtures/databases.ts'

// As setup.ts, where each tenant has accounts of its own.
export const setup = databaseForTests(appMigrations, 'tenant')
