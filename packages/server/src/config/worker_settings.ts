import { integer, oneOf, type Setting } from './parsers.ts'

/** The settings of the worker that runs background jobs. */
export const workerSettings = {
  DB_JOBS_POOL_MAX: {
    fallback: '2',
    tuning: true,
    meaning: 'maximum connections of the jobs role, per worker',
    parse: integer(1, 100),
  },
  WORKER: {
    fallback: 'on',
    meaning:
      '`off` makes the server run no background jobs: then `tenantry worker` must run them (docs/jobs.md)',
    parse: oneOf('on', 'off'),
  },
  WORKER_CONCURRENCY: {
    fallback: '10',
    meaning:
      'background jobs that run at the same time, per worker. Each takes a connection of the app role, in addition to DB_POOL_MAX',
    parse: integer(1, 1000),
  },
  WORKER_TENANT_CONCURRENCY: {
    fallback: '4',
    meaning: 'how many of them may be of one tenant',
    parse: integer(1, 1000),
  },
  JOB_RETRY_DAYS: {
    fallback: '3',
    meaning: 'how long a failing job is repeated before it is parked',
    parse: integer(1, 30),
  },
} satisfies Record<string, Setting<unknown>>
