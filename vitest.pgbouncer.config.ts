import { join } from 'node:path'
import { defineConfig } from 'vitest/config'
import { shared, starterTests } from './vitest.config.ts'

// The tests that are near to the database, with every scope through a real PgBouncer in transaction
// mode. Prepared statements have no names there, and the invalidation listener connects directly.
const server = 'packages/server'
const kernelTests = [
  `${server}/test/pgbouncer/*.test.ts`,
  `${server}/test/{database,revocation}/*.test.ts`,
  `${server}/src/db/{transaction,read_transaction,connection}.test.ts`,
  `${server}/src/modules/**/*.test.ts`,
]

// They start servers of their own, or need rights that no pooled role has.
const unpooled = [
  `${server}/test/database/{backup,upgrade}.test.ts`,
  `${server}/test/revocation/{full_notify_queue,invalidated_changes}.test.ts`,
]

// Here transactions wait for each other, each on a connection.
const needTwo = [`${server}/test/database/{lock_order,pool}.test.ts`]

const project = (
  name: string,
  provide: { poolSize: number; appMigrations: string },
  include: string[],
  exclude: string[] = [],
) => ({
  resolve: { tsconfigPaths: true },
  test: {
    ...shared,
    name: `${name}, PgBouncer with ${provide.poolSize} a role`,
    globalSetup: [`./${server}/test/pgbouncer/setup.ts`],
    provide,
    include,
    exclude,
    maxWorkers: 1,
    fileParallelism: false,
    // As in the other tests. With a thread for each file Node.js crashed between two files, now and then.
    isolate: false,
    restoreMocks: true,
  },
})

const kernel = (poolSize: number, exclude: string[]) => {
  const appMigrations = join(import.meta.dirname, server, 'test/fixtures/app/migrations')
  return project('kernel', { poolSize, appMigrations }, kernelTests, [...unpooled, ...exclude])
}

const starter = (poolSize: number) => {
  const appMigrations = join(import.meta.dirname, 'starter/migrations')
  return project('starter', { poolSize, appMigrations }, starterTests)
}

// One file after another: they share the few connections.
export default defineConfig({
  test: { projects: [kernel(1, needTwo), kernel(2, []), starter(1), starter(2)], maxWorkers: 1 },
})
