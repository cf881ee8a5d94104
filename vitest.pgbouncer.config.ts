import { defineConfig } from 'vitest/config'
import base from './vitest.config.ts'

// What is near to the database, with its doors through a real PgBouncer in transaction mode. Prepared
// statements have no names there, and announcements are heard on a direct connection.
const server = 'packages/server'
const near = [
  `${server}/test/pgbouncer/*.test.ts`,
  `${server}/test/{database_,revocation,remembered_,interleaving,two_processes}*.test.ts`,
  `${server}/src/db/{transaction,borrowed_client}.test.ts`,
  `${server}/src/modules/**/*.test.ts`,
  'starter/src/**/*.test.ts',
]

// They wait for each other, each on a connection.
const needsTwo = `${server}/test/lock_order.test.ts`

const projectOf = (poolSize: number, include: string[]) => ({
  resolve: { tsconfigPaths: true },
  test: {
    ...base.test,
    name: `PgBouncer, ${poolSize} a role`,
    globalSetup: [`./${server}/test/pgbouncer/setup.ts`],
    provide: { poolSize },
    include,
    exclude: [],
    maxWorkers: 1,
    fileParallelism: false,
  },
})

// One file after another: they share the few connections.
export default defineConfig({
  test: { projects: [projectOf(1, near), projectOf(2, [...near, needsTwo])], maxWorkers: 1 },
})
