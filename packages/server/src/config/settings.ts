import { resolve } from 'node:path'
import {
  baseDomain,
  bearerToken,
  databaseUrl,
  httpUrl,
  integer,
  list,
  network,
  oneOf,
  origin,
  publicOrigin,
  resetUrl,
  type Setting,
  smtpUrl,
  text,
} from './parsers.ts'

/** Every setting there is. The README's table and `tenantry doctor` are made from this. */
export const settings = {
  NODE_ENV: { meaning: '`production` switches production on', parse: text },
  PORT: { fallback: '8000', meaning: 'port of the listener', parse: integer(0, 65535) },
  HOST: { fallback: '127.0.0.1', meaning: 'address of the listener', parse: text },
  DB_URL: {
    secret: true,
    meaning:
      'DSN of the app role. None: embedded PostgreSQL under DATA_DIR. Outside production a role that may create roles is used once to set everything up; the server itself never serves as it',
    parse: databaseUrl,
  },
  DB_OWNER_URL: { secret: true, meaning: 'DSN for migrations', parse: databaseUrl },
  DB_IDENTITY_URL: { secret: true, meaning: 'DSN of the identity role', parse: databaseUrl },
  DB_PLATFORM_URL: { secret: true, meaning: "DSN of the operators' role", parse: databaseUrl },
  DB_LISTEN_URL: {
    secret: true,
    meaning: 'a direct DSN for LISTEN where DB_URL goes through a pooler',
    parse: databaseUrl,
  },
  DB_ADMIN_URL: {
    secret: true,
    meaning:
      'DSN with which `tenantry setup` makes roles and database; the server does not read it',
    parse: databaseUrl,
  },
  TEST_DB_URL: {
    secret: true,
    meaning: "the tests' server; its role needs CREATEDB and CREATEROLE. None: embedded",
    parse: databaseUrl,
  },
  DATA_DIR: {
    fallback: '.data',
    meaning: 'embedded database, development secret, caught mail',
    parse: (it: string) => resolve(it),
  },
  SECRET_KEY: {
    secret: true,
    meaning:
      'at least 32 bytes; every key is derived from it. Outside production made once under DATA_DIR',
    parse: text,
  },
  SECRET_KEY_PREVIOUS: {
    secret: true,
    meaning: 'the SECRET_KEY before this one: still verifies during a rotation',
    parse: text,
  },
  JWT_ALGORITHM: {
    fallback: 'HS256',
    meaning: 'HS256, HS384 or HS512',
    parse: oneOf('HS256', 'HS384', 'HS512'),
  },
  ACCESS_TOKEN_EXPIRE_MINUTES: {
    fallback: '15',
    meaning: 'life of an access token, in minutes',
    parse: integer(1, 60),
  },
  REFRESH_TOKEN_EXPIRE_DAYS: {
    fallback: '14',
    meaning: 'life of a refresh token, in days: a session unused for so long is over',
    parse: integer(1, 365),
  },
  SESSION_MAX_DAYS: {
    fallback: '90',
    meaning: 'a session is over after so many days, however busy',
    parse: integer(1, 3650),
  },
  REFRESH_REUSE_GRACE_SECONDS: {
    fallback: '10',
    meaning: 'how long a retry of the refresh token just used gets the same answer',
    parse: integer(0, 60),
  },
  PASSWORD_RESET_EXPIRE_MINUTES: {
    fallback: '30',
    meaning: 'life of a reset link, in minutes',
    parse: integer(5, 60),
  },
  DEFAULT_DEV_TENANT: {
    meaning:
      'subdomain of the tenant of localhost. `public` outside production, none in it; PROD_ENV=prod switches it on there too',
    parse: text,
  },
  DEFAULT_TEST_TENANT: { fallback: 'client1', meaning: "accepted, as the seed's", parse: text },
  PROD_ENV: { meaning: '`prod` keeps DEFAULT_DEV_TENANT in production', parse: text },
  TEST_ENV: { meaning: "accepted, as the seed's", parse: text },
  BASE_DOMAINS: {
    meaning:
      'domains under which one label is a tenant. `localhost,local.com` outside production, required in it',
    parse: list(baseDomain),
  },
  PUBLIC_ORIGIN: {
    meaning:
      'how links are written; `{tenant}` is the subdomain. `http://{tenant}.localhost:PORT` outside production, required in it',
    parse: publicOrigin,
  },
  RESET_URL: {
    fallback: '{origin}/reset-password#token={token}',
    meaning: 'where the reset mail points',
    parse: resetUrl,
  },
  TRUST_PROXY: {
    meaning: 'addresses or networks of proxies whose forwarded headers count',
    parse: list(network),
  },
  CORS_ORIGINS: { meaning: 'exact origins that browsers may call from', parse: list(origin) },
  RATE_LIMIT: {
    fallback: 'on',
    meaning: '`off` switches every limit off; refused in production',
    parse: oneOf('on', 'off'),
  },
  SIGNIN_LIMIT_ACCOUNT: {
    fallback: '10',
    meaning:
      'failed sign-ins per account in 15 minutes; an address it has signed in from has its own',
    parse: integer(1, 100_000),
  },
  SIGNIN_LIMIT_ADDRESS: {
    fallback: '100',
    meaning: 'failed sign-ins per address (IPv6: per /64) in 15 minutes',
    parse: integer(1, 1_000_000),
  },
  SIGNIN_LIMIT_TENANT: {
    fallback: '1000',
    meaning: 'failed sign-ins per tenant in 15 minutes, from addresses unknown to the account',
    parse: integer(1, 10_000_000),
  },
  TENANT_RATE: {
    fallback: '200',
    meaning:
      'requests per second that a node takes for one tenant from those who are signed in, and as many again from all others, in bursts of twice as many; `tenantry tenant limit` sets another for one tenant',
    parse: integer(1, 1_000_000),
  },
  TENANT_CONCURRENCY: {
    meaning:
      "how many of one tenant's requests a node works on at once. None: half of DB_POOL_MAX, so that no tenant holds every connection; `tenantry tenant limit` sets another for one tenant",
    parse: integer(1, 1000),
  },
  TENANT_QUEUE: {
    fallback: '100',
    meaning: "how many of one tenant's requests may wait their turn at a node",
    parse: integer(0, 100_000),
  },
  PUBLIC_RATE: {
    fallback: '20',
    meaning:
      'requests per second without a good access token, refreshing included, and to hosts that nobody has, that a node takes from one address (IPv6: per /64), in bursts of twice as many',
    parse: integer(1, 1_000_000),
  },
  SMTP_URL: {
    secret: true,
    meaning: 'outgoing mail. None: mail is kept under DATA_DIR and shown at /dev/mail',
    parse: smtpUrl,
  },
  MAIL_FROM: { fallback: 'Tenantry <no-reply@localhost>', meaning: 'sender of mail', parse: text },
  LOG_LEVEL: {
    fallback: 'info',
    meaning: 'trace, debug, info, warn, error, fatal or silent',
    parse: oneOf('trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'),
  },
  METRICS_PORT: {
    meaning:
      'port of a listener of its own for Prometheus, at `/metrics`. None: nothing is counted (docs/telemetry.md)',
    parse: integer(0, 65535),
  },
  METRICS_HOST: {
    fallback: '127.0.0.1',
    meaning: 'address of that listener',
    parse: text,
  },
  METRICS_TOKEN: {
    secret: true,
    meaning:
      'at least 16 characters that have to be sent there as a bearer token. None: nobody is asked',
    parse: bearerToken,
  },
  METRICS_TENANTS: {
    fallback: '20',
    meaning: 'how many tenants, the busiest, have request counts of their own there; 0 for none',
    parse: integer(0, 1000),
  },
  OTEL_EXPORTER_OTLP_ENDPOINT: {
    meaning:
      'where traces are sent, such as http://localhost:4318; needs packages that are installed only for this (docs/telemetry.md). None: nothing is traced',
    parse: httpUrl,
  },
  DB_POOL_MAX: {
    fallback: '10',
    meaning: 'connections of the app role per process',
    parse: integer(1, 1000),
  },
  DB_IDENTITY_POOL_MAX: {
    fallback: '5',
    meaning: 'connections of the identity role per process',
    parse: integer(1, 1000),
  },
  REQUEST_WAIT_MS: {
    fallback: '900',
    meaning:
      "how long a request waits in all for look-ups, its tenant's turn, a connection and the database's first answer, before it is told 503",
    parse: integer(10, 60_000),
  },
  DB_QUERY_TIMEOUT_MS: {
    fallback: '12000',
    meaning: "client-side limit for one query; the roles' statement_timeout (10 s) comes first",
    parse: integer(100, 600_000),
  },
  DB_PIPELINE: {
    fallback: 'on',
    meaning: 'send the statements of a transaction without waiting in between',
    parse: oneOf('on', 'off'),
  },
  DB_PREPARED: {
    fallback: 'on',
    meaning: 'name prepared statements; `off` behind a PgBouncer older than 1.21',
    parse: oneOf('on', 'off'),
  },
  UNCACHED_LOOKUPS_MAX: {
    fallback: '100',
    meaning:
      'while changes of rights are not heard of: how many look-ups ask the database at once; the rest are told 503',
    parse: integer(1, 100_000),
  },
  EVENT_LOOP_DELAY_MAX_MS: {
    fallback: '1000',
    meaning: 'how late the event loop may run before requests other than health are told 503',
    parse: integer(10, 60_000),
  },
  UV_THREADPOOL_SIZE: {
    fallback: '4',
    meaning:
      "threads on which Node hashes passwords, reads files and resolves names; Node's own, so from the environment only",
    parse: integer(4, 1024),
  },
  SHUTDOWN_DELAY_SECONDS: {
    fallback: '0',
    meaning:
      'how long a server goes on serving on SIGTERM after `/health/ready` has begun to say no: longer than its load balancer takes to notice, where that one does not try elsewhere',
    parse: integer(0, 600),
  },
  SHUTDOWN_SECONDS: {
    fallback: '10',
    meaning: 'how long requests in flight may take to finish on SIGTERM',
    parse: integer(0, 600),
  },
} satisfies Record<string, Setting<unknown>>
