import { defineConfig } from 'vitest/config'
import base from './vitest.config.ts'

// What is near to the database, with its doors through a real PgBouncer in transaction mode. Prepared
// statements have no names there, and announcements are heard on a direct connection.
const server = 'packages/server'
const near = [
  `${server}/test/pgbouncer/*.test.ts`,
  `${server}/test/{database_,revocation,remembered_,interleaving,two_processes,lock_order}*.test.ts`,
  `${server}/src/db/{transaction,reading,borrowed_client}.test.ts`,
  `${server}/src/modules/**/*.test.ts`,
  'starter/src/**/*.test.ts',
]

// Of these, transactions wait for each other, each on a connection.
const needTwo = [`${server}/test/{lock_order,database_pool}.test.ts`]

const projectOf = (poolSize: number, exclude: string[]) => ({
  resolve: { tsconfigPaths: true },
  test: {
    ...base.test,
    name: `PgBouncer, ${poolSize} a role`,
    globalSetup: [`./${server}/test/pgbouncer/setup.ts`],
    provide: { poolSize },
    include: near,
    exclude,
    maxWorkers: 1,
    fileParallelism: false,
  },
})

// One file after another: they share the few connections.
export default defineConfig({
  test: { projects: [projectOf(1, needTwo), projectOf(2, [])], maxWorkers: 1 },
})
