import { resolve } from 'node:path'
import { databaseSettings } from './database_settings.ts'
import { domainSettings } from './domain_settings.ts'
import {
  baseDomain,
  integer,
  linkUrl,
  list,
  locale,
  mailAddress,
  mailSender,
  network,
  oneOf,
  origin,
  publicOrigin,
  type Setting,
  smtpUrl,
  surfaces,
  text,
} from './parsers.ts'
import { sessionSettings } from './session_settings.ts'
import { signUpSettings } from './sign_up_settings.ts'
import { telemetrySettings } from './telemetry_settings.ts'
import { workerSettings } from './worker_settings.ts'

/** All settings. The tables of docs/settings.md are generated from them. */
export const settings = {
  NODE_ENV: {
    meaning:
      '`production` turns on production mode, in which `.env` is not read; otherwise `development` or `test`. Default: development',
    parse: oneOf('development', 'test', 'production'),
  },
  PORT: { fallback: '8000', meaning: 'port of the API', parse: integer(0, 65535) },
  HOST: { fallback: '127.0.0.1', meaning: 'address the API listens on', parse: text },
  ...databaseSettings,
  DATA_DIR: {
    fallback: '.data',
    meaning: 'folder of the embedded database, the development secret and mail that is not sent',
    parse: (it: string) => resolve(it),
  },
  SECRET_KEY: {
    secret: true,
    meaning:
      'at least 32 bytes; all keys are derived from it. Outside production one is generated under DATA_DIR',
    parse: text,
  },
  SECRET_KEY_PREVIOUS: {
    secret: true,
    meaning: 'the previous SECRET_KEY; during a rotation its tokens stay valid',
    parse: text,
  },
  ...sessionSettings,
  DEFAULT_DEV_TENANT: {
    meaning:
      'subdomain of the tenant that localhost serves. Default: `public` outside production or with PROD_ENV=prod, otherwise none',
    parse: text,
  },
  DEFAULT_TEST_TENANT: {
    fallback: 'client1',
    meaning: 'no effect; accepted for an old `.env`',
    parse: text,
  },
  PROD_ENV: {
    meaning: '`prod` keeps the default of DEFAULT_DEV_TENANT in production',
    parse: text,
  },
  TEST_ENV: {
    meaning: 'no effect; accepted for an old `.env`',
    parse: text,
  },
  BASE_DOMAINS: {
    meaning:
      'domains under which one label names a tenant. Required in production; default otherwise: `localhost,local.com`',
    parse: list(baseDomain),
  },
  PUBLIC_ORIGIN: {
    meaning:
      'origin of links; `{tenant}` stands for the subdomain. Required in production; default otherwise: `http://{tenant}.localhost:PORT`',
    parse: publicOrigin,
  },
  ...signUpSettings,
  ...domainSettings,
  WEB: {
    fallback: 'auth,account,console',
    meaning:
      'pages that are served: sign-in and password resets under `/auth`, `/account`, `/console`; `off` for none',
    parse: surfaces,
  },
  RESET_URL: {
    fallback: '{origin}/auth/reset-password#token={token}',
    meaning: 'link of a password reset',
    parse: linkUrl('{origin}/auth/reset-password#token={token}', '{tenant}'),
  },
  INVITATION_URL: {
    fallback: '{origin}/auth/accept-invitation#token={token}',
    meaning: 'link of an invitation',
    parse: linkUrl('{origin}/auth/accept-invitation#token={token}', '{tenant}'),
  },
  EMAIL_URL: {
    fallback: '{origin}/auth/verify#purpose={purpose}&token={token}',
    meaning: 'link that proves an e-mail address; `{purpose}` is `verification` or `change`',
    parse: linkUrl('{origin}/auth/verify#purpose={purpose}&token={token}', '{tenant}'),
  },
  DOCS: {
    meaning:
      "`on` serves the API's reference at `/docs`, `off` does not. Default: on outside production",
    parse: oneOf('on', 'off'),
  },
  DEFAULT_LOCALE: {
    fallback: 'en',
    meaning:
      'language of people who have not chosen one, as a tag of BCP 47 such as `de` or `pt-BR`',
    parse: locale,
  },
  TRUST_PROXY: {
    meaning: 'addresses or networks of the proxies whose forwarded headers are trusted',
    parse: list(network),
  },
  CORS_ORIGINS: {
    meaning: 'exact origins of the web pages that may call the API',
    parse: list(origin),
  },
  RATE_LIMIT: {
    fallback: 'on',
    meaning: '`off` turns off all limits; not allowed in production',
    parse: oneOf('on', 'off'),
  },
  SIGNIN_LIMIT_ACCOUNT: {
    fallback: '10',
    meaning:
      'failed sign-ins per account in 15 minutes; each trusted address of the account has a separate limit',
    parse: integer(1, 100_000),
  },
  SIGNIN_LIMIT_ADDRESS: {
    fallback: '100',
    meaning: 'failed sign-ins per IP address (IPv6: per /64) in 15 minutes',
    parse: integer(1, 1_000_000),
  },
  RESET_LIMIT_ADDRESS: {
    tuning: true,
    fallback: '50',
    meaning: 'reset links that one IP address (IPv6: per /64) can request in an hour',
    parse: integer(1, 1_000_000),
  },
  SIGNIN_LIMIT_TENANT: {
    fallback: '1000',
    meaning:
      'failed sign-ins per tenant in 15 minutes, from addresses that the account does not trust',
    parse: integer(1, 10_000_000),
  },
  TENANT_RATE: {
    fallback: '200',
    meaning:
      'requests per second that one server accepts for one tenant: as many from signed-in users as from anonymous clients, each with bursts of twice as many. `tenantry tenant limit` sets another limit for one tenant',
    parse: integer(1, 1_000_000),
  },
  TENANT_CONCURRENCY: {
    meaning:
      'concurrent requests of one tenant, per server. If unset: half of DB_POOL_MAX, so that no tenant uses all connections. `tenantry tenant limit` sets another limit for one tenant',
    parse: integer(1, 1000),
  },
  TENANT_QUEUE: {
    fallback: '100',
    tuning: true,
    meaning:
      'requests of one tenant that may wait for a concurrency slot, per server; further ones get 503',
    parse: integer(0, 100_000),
  },
  PUBLIC_RATE: {
    fallback: '20',
    meaning:
      'requests per second that one server accepts from one IP address (IPv6: /64) without a valid access token (a refresh is one) or for an unknown host, with bursts of twice as many',
    parse: integer(1, 1_000_000),
  },
  SMTP_URL: {
    secret: true,
    meaning:
      'SMTP server for outgoing mail. If unset, mail is stored under DATA_DIR and shown at /dev/mail',
    parse: smtpUrl,
  },
  MAIL_FROM: {
    fallback: 'Tenantry <no-reply@localhost>',
    meaning: 'sender of outgoing mail',
    parse: mailSender,
  },
  MAIL_REPLY_TO: {
    meaning: 'address to which replies to a mail go, unless the tenant has one of its own',
    parse: mailAddress,
  },
  ...telemetrySettings,
  DB_POOL_MAX: {
    fallback: '10',
    meaning: 'maximum connections of the app role, per server',
    parse: integer(1, 1000),
  },
  DB_IDENTITY_POOL_MAX: {
    fallback: '5',
    meaning: 'maximum connections of the identity role, per server',
    parse: integer(1, 1000),
  },
  ...workerSettings,
  REQUEST_WAIT_MS: {
    fallback: '900',
    tuning: true,
    meaning:
      "how long a request may wait in total for look-ups, a concurrency slot, a connection and the database's first reply, before it gets 503",
    parse: integer(10, 60_000),
  },
  DB_QUERY_TIMEOUT_MS: {
    fallback: '12000',
    tuning: true,
    meaning:
      "client-side timeout of one query; the roles' statement_timeout (10 s) ends a query before that",
    parse: integer(100, 600_000),
  },
  DB_PIPELINE: {
    fallback: 'on',
    tuning: true,
    meaning: 'send the statements of a transaction without waiting for the reply to each',
    parse: oneOf('on', 'off'),
  },
  DB_PREPARED: {
    fallback: 'on',
    meaning: 'use named prepared statements; set `off` behind a PgBouncer older than 1.21',
    parse: oneOf('on', 'off'),
  },
  UNCACHED_LOOKUPS_MAX: {
    fallback: '100',
    tuning: true,
    meaning:
      'concurrent look-ups in the database while the invalidation listener is down and the caches are not used; further ones get 503',
    parse: integer(1, 100_000),
  },
  EVENT_LOOP_DELAY_MAX_MS: {
    fallback: '1000',
    tuning: true,
    meaning: 'event loop delay above which requests get 503, except health checks',
    parse: integer(10, 60_000),
  },
  UV_THREADPOOL_SIZE: {
    fallback: '4',
    meaning:
      'threads on which Node hashes passwords, reads files and resolves names. Node reads it itself: set it in the environment, not in `.env`',
    parse: integer(4, 1024),
  },
  SHUTDOWN_DELAY_SECONDS: {
    fallback: '0',
    meaning:
      'how long a server goes on serving after SIGTERM, while `/health/ready` already answers 503. It must be longer than the load balancer needs to notice, unless that retries on another server',
    parse: integer(0, 600),
  },
  SHUTDOWN_SECONDS: {
    fallback: '10',
    meaning: 'how long requests in flight may take to finish after that',
    parse: integer(0, 600),
  },
} satisfies Record<string, Setting<unknown>>
