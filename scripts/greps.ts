// Finds words that may occur in one place of the sources, or in none. Each exception is listed with its
// reason; an exception that is no longer needed is a fault too.
// Usage: tsx scripts/greps.ts [folder]
import { policy } from '../starter/src/policy.ts'
import { isGenerated, isTest, readSources, type Source } from './sources.ts'

interface Grep {
  name: string
  pattern: RegExp
  /** What to do instead. */
  instead: string
  files: RegExp
  /** A path, or a folder with its slash, and the reason for the exception. */
  allowed: Record<string, string>
}

const typescript = /\.ts$/
const roleNames = Object.keys(policy.roles).join('|')

const greps: Grep[] = [
  {
    name: 'one place sets the tenant',
    pattern: /\bset_(config|tenant)\b/,
    instead: 'use a database scope of db/tenancy.ts, which sets the tenant',
    files: /\.(ts|sql)$/,
    allowed: {
      'packages/server/src/db/tenancy.ts': 'the database scopes',
      'packages/server/src/db/provisioning/read_accounts.ts':
        'doctor reads the accounts of every tenant, without the pools of a server',
      'packages/server/migrations/0009_held_names.up.sql':
        'stores in a setting for how long the names of a transaction are held',
      'packages/server/src/testing/record_statements.ts':
        'leaves the statements of the scope out of its count',
      'packages/server/src/testing/sweeps/inputs/statement_rules.ts':
        'finds handlers that set the tenant',
      'packages/server/migrations/0001_tenancy.up.sql': 'defines set_tenant',
      'packages/server/migrations/0001_tenancy.down.sql': 'drops set_tenant',
      'packages/server/migrations/0002_control_plane.up.sql':
        'names the rehashed user in a setting',
      'packages/server/migrations/0004_audit.up.sql':
        "its trigger records an act on a person in the log of each of the person's tenants",
      'packages/server/migrations/0008_sign_ups.up.sql':
        'lists the tenants of one person, and names that person meanwhile',
      'packages/server/migrations/0007_erasure.up.sql':
        'visits the tenants of a person who deletes their account',
    },
  },
  {
    name: 'no query names the tenant',
    pattern: /\btenant_id\b/,
    instead: 'row-level security adds it: neither filter on it nor write it',
    files: typescript,
    allowed: {
      'packages/server/src/db/': 'the mechanism',
      'packages/server/src/modules/tenants/': 'whose rows they are',
      'packages/server/src/modules/invitations/open_invitation.ts':
        'the identity role also sees memberships elsewhere, by an index of the person',
      'packages/server/src/jobs/queue.ts': 'a worker takes the jobs of all tenants',
      'packages/server/src/jobs/worker.ts': 'a worker takes the jobs of all tenants',
      'packages/server/src/jobs/run_job.ts': 'opens the scope of the tenant of a job',
      'packages/server/src/modules/jobs/jobs.ts': 'the platform scope sees every tenant',
      'packages/server/src/cli/platform/jobs.ts': 'the platform scope sees every tenant',
      'packages/server/src/modules/domains/domain_stats.ts':
        'doctor reads the domains of all tenants as the identity role',
      'packages/server/src/modules/domains/platform_domains.ts':
        'the platform scope sees every tenant',
      'packages/server/src/tenancy/find_tenant.ts': 'finds the tenant, so none is set yet',
      'packages/server/src/tenancy/domain_holder.ts': 'finds the tenant, so none is set yet',
      'packages/server/src/http/access_log.ts': 'the name of a log field',
      'packages/server/src/telemetry/request_span.ts': 'the name of an attribute',
      'packages/server/src/telemetry/metrics.ts': 'the name of a label',
      'packages/server/src/modules/members/members.ts': 'the platform scope sees every tenant',
      'packages/server/src/runtime/seed_demo.ts': 'the platform scope sees every tenant',
      'packages/server/src/cli/platform/add_member.ts': 'the platform scope sees every tenant',
      'packages/server/src/cli/platform/platform_command.ts':
        'the platform scope sees every tenant',
      'packages/server/src/cli/platform/tenant.ts': 'the platform scope sees every tenant',
      'packages/server/src/cli/platform/tenant_brand.ts': 'the platform scope sees every tenant',
      'packages/server/src/cli/platform/tenant_delete.ts': 'the platform scope sees every tenant',
      'packages/server/src/cli/platform/tenant_details.ts': 'the platform scope sees every tenant',
      'packages/server/src/cli/platform/user.ts': 'the platform scope sees every tenant',
      'packages/server/src/modules/users/users.ts': 'the platform scope sees every tenant',
      'packages/server/src/modules/users/end_user.ts': 'the platform scope sees every tenant',
      'packages/server/src/jobs/enqueue.ts': 'the platform scope has no tenant set',
      'packages/server/src/audit/audit_log.ts': 'the platform scope has no tenant set',
      'packages/server/src/testing/test_app.ts': 'the platform scope sees every tenant',
      'packages/server/src/cli/new/fields/': 'writes the keys of a migration',
      'packages/server/src/testing/sweeps/': "tries to reach another tenant's rows",
    },
  },
  {
    name: 'one function opens a session',
    pattern: /insert(Into\(['"`]| into )tenantry\.sessions\b/,
    instead: 'call openSession, which checks the tenant, the user and the membership',
    files: /\.(ts|sql)$/,
    allowed: { 'packages/server/src/modules/sessions/open_session.ts': 'openSession' },
  },
  {
    name: 'no role by name',
    pattern: new RegExp(`['"\`](${roleNames})['"\`]`),
    instead: "ask policy.can(ctx, '<resource>:<action>'); roles are the policy's and the tenant's",
    files: typescript,
    allowed: {
      'starter/src/demo.ts': 'seeds members with roles',
    },
  },
  {
    name: 'settings in config.ts',
    pattern: /\bprocess\.env\b/,
    instead: 'add the setting to config/settings.ts and take it as an argument',
    files: typescript,
    allowed: { 'packages/server/src/config/config.ts': 'reads the environment, once' },
  },
  {
    name: 'wiring is arguments',
    pattern: /@Injectable|\bcontainer\.(get|resolve|register|bind)\b|\bgetInstance\b/,
    instead: 'main -> createApp -> ctx -> function',
    files: typescript,
    allowed: {},
  },
  {
    name: 'no way out of the types',
    pattern: /: any\b|\bas any\b|\benum \w+ \{|@ts-(ignore|nocheck|expect-error)/,
    instead: 'parse what is untyped at the edge; unions of literals instead of enums',
    files: typescript,
    allowed: { 'packages/server/src/testing/http_client.ts': 'a test reads the JSON it expects' },
  },
]

const writes =
  /(?:insertInto\('|updateTable\('|deleteFrom\('|insert into |update (?=tenantry)|delete from )([\w.]+)/g

const folder = process.argv[2] ?? process.cwd()
const folders = [
  'packages/server/src',
  'packages/server/migrations',
  'starter/src',
  'starter/migrations',
]
const sources = (await readSources(folder, folders, /\.(ts|sql)$/)).filter(
  ({ path }) => !isTest(path) && !isGenerated(path),
)
const faults = [...greps.flatMap(faultsOf), ...emptyNames(), ...sharedTables()]
for (const fault of faults) console.log(fault)
process.exitCode = faults.length === 0 ? 0 : 1

function faultsOf({ name, pattern, instead, files, allowed }: Grep): string[] {
  const used = new Set<string>()
  const hits = sources
    .filter(({ path }) => files.test(path))
    .flatMap((source) => linesWith(pattern, source))
    .filter(({ path }) => {
      const exception = Object.keys(allowed).find(
        (it) => path === it || (it.endsWith('/') && path.startsWith(it)),
      )
      if (exception !== undefined) used.add(exception)
      return exception === undefined
    })
  const stale = Object.keys(allowed).filter((it) => !it.endsWith('/') && !used.has(it))
  return [
    ...hits.map(({ path, line, text }) => `${name}: ${path}:${line}: ${text} -- ${instead}`),
    ...stale.map((it) => `${name}: ${it} is allowed and does not need it; take it off the list`),
  ]
}

function linesWith(pattern: RegExp, { path, text }: Source) {
  return text
    .split('\n')
    .map((it, at) => ({ path, line: at + 1, text: it.trim() }))
    .filter((it) => pattern.test(it.text) && !isProse(it.text))
}

/** A comment may use any word, unless it is a directive to the compiler. */
function isProse(line: string): boolean {
  return /^(\/\/|\/\*|\*|--)/.test(line) && !line.includes('@ts-')
}

function emptyNames(): string[] {
  return (
    sources
      .filter(({ path }) => /(^|\/)(utils?|helpers?|common|types|misc|index)(\.ts$|\/)/.test(path))
      // The public entry, under the name that npm expects.
      .filter(({ path }) => path !== 'packages/server/src/index.ts')
      .map(({ path }) => `names that say something: ${path} -- name it for its main thing`)
  )
}

/** Any module may read a table; only the module that owns it writes it. */
function sharedTables(): string[] {
  const writers = new Map<string, Set<string>>()
  for (const { path, text } of sources) {
    const module = /^packages\/server\/src\/modules\/[^/]+|^starter\/src\/[^/]+(?=\/)/.exec(
      path,
    )?.[0]
    if (module === undefined) continue
    for (const [, table = ''] of text.matchAll(writes)) {
      writers.set(table, (writers.get(table) ?? new Set()).add(module))
    }
  }
  return [...writers]
    .filter(([, modules]) => modules.size > 1)
    .map(
      ([table, modules]) =>
        `one module writes a table: ${table} is written by ${[...modules].join(' and ')} -- call a function of the module that owns it`,
    )
}
