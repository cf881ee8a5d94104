import { databaseForTests } from '../src/testing/global_setup.ts'
import { appMigrations } from './fixtures/databases.ts'

// One database for the run: the kernel's schema and the fixture app's.
export const setup = databaseForTests(appMigrations)
