import { databaseUrl, integer, type Setting } from './parsers.ts'

/** The DSNs: one for each role, and those of the tests and of an administrator. */
export const databaseSettings = {
  DB_URL: {
    secret: true,
    meaning:
      'DSN of the app role. If unset, an embedded PostgreSQL runs under DATA_DIR. Outside production it may name a role that can create roles: that role is used once for the set-up, never to serve requests',
    parse: databaseUrl,
  },
  DB_OWNER_URL: { secret: true, meaning: 'DSN of the owner role (migrate)', parse: databaseUrl },
  DB_IDENTITY_URL: { secret: true, meaning: 'DSN of the identity role', parse: databaseUrl },
  DB_JOBS_URL: {
    secret: true,
    meaning:
      'DSN of the jobs role, which takes background jobs from the queue. Required in production unless WORKER is `off`',
    parse: databaseUrl,
  },
  DB_PLATFORM_URL: {
    secret: true,
    meaning:
      'DSN of the platform role, for commands that reach all tenants, such as `tenantry tenant`',
    parse: databaseUrl,
  },
  DB_BACKUP_URL: {
    secret: true,
    meaning:
      'DSN of the backup role, for `pg_dump` (docs/operating.md); the server does not read it',
    parse: databaseUrl,
  },
  DB_LISTEN_URL: {
    secret: true,
    meaning: 'DSN for LISTEN. Required if DB_URL leads to a connection pooler; this one must not',
    parse: databaseUrl,
  },
  DB_READ_URL: {
    secret: true,
    meaning:
      "DSN of the app role on a streaming replica, which then answers GETs that read an app's tables or the audit log only. Set it on every server and worker (docs/scaling.md)",
    parse: databaseUrl,
  },
  READ_LAG_MS: {
    fallback: '1000',
    tuning: true,
    meaning:
      'how old the state of the replica may be; above that, and while it does not answer, all reads go to the primary',
    parse: integer(300, 60_000),
  },
  DB_ADMIN_URL: {
    secret: true,
    meaning:
      'DSN that `tenantry setup` creates roles and database with; the server does not read it',
    parse: databaseUrl,
  },
  TEST_DB_URL: {
    secret: true,
    meaning:
      'DSN of the server the tests use; its role needs CREATEDB and CREATEROLE. If unset, the tests start an embedded PostgreSQL',
    parse: databaseUrl,
  },
} satisfies Record<string, Setting<unknown>>
