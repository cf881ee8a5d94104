import { defineConfig } from 'vitest/config'
import base from './vitest.config.ts'

// What is near to the database, with its doors through a real PgBouncer in transaction mode. Prepared
// statements have no names there, and announcements are heard on a direct connection.
const server = 'packages/server'
const near = [
  `${server}/test/pgbouncer/*.test.ts`,
  `${server}/test/{database,revocation}/*.test.ts`,
  `${server}/src/db/{transaction,read_transaction,connection}.test.ts`,
  `${server}/src/modules/**/*.test.ts`,
  'starter/src/**/*.test.ts',
]

// They start servers of their own, or need rights that no pooled role has.
const bringTheirOwn = [
  `${server}/test/database/{backup,upgrade}.test.ts`,
  `${server}/test/revocation/{full_notify_queue,invalidated_changes}.test.ts`,
]

// Of these, transactions wait for each other, each on a connection.
const needTwo = [`${server}/test/database/{lock_order,pool}.test.ts`]

const projectOf = (poolSize: number, exclude: string[]) => ({
  resolve: { tsconfigPaths: true },
  test: {
    ...base.test,
    name: `PgBouncer, ${poolSize} a role`,
    globalSetup: [`./${server}/test/pgbouncer/setup.ts`],
    provide: { poolSize },
    include: near,
    exclude: [...bringTheirOwn, ...exclude],
    maxWorkers: 1,
    fileParallelism: false,
  },
})

// One file after another: they share the few connections.
export default defineConfig({
  test: { projects: [projectOf(1, needTwo), projectOf(2, [])], maxWorkers: 1 },
})
