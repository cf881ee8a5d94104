import { withClient } from '../../../packages/server/src/db/connect/with_client.ts'
import type { TemporaryDatabase } from '../../../packages/server/src/db/provisioning/temporary_database.ts'
import { asSuperuser, superuserUrl } from '../database.ts'
import type { Figure } from '../figure.ts'
import { median } from '../statistics.ts'

const WRITERS = 4
const ROUNDS = 7
const SECONDS = 3

const tables = [
  'tenants',
  'domains',
  'users',
  'members',
  'member_roles',
  'roles',
  'role_permissions',
  'sessions',
]

export const invalidation: Figure = {
  name: 'invalidation',
  what: 'writes per second with the invalidation triggers against without them, one row at a time on each table that has them',
  target: { atLeast: 0.8 },
  unit: ' x',
  async measure(bench) {
    const database = await bench.openDatabase()
    // One server listens, as in production.
    await bench.startApp({}, database)
    await asSuperuser(database, seed)
    const counts: { on: number[]; off: number[] } = { on: [], off: [] }
    await writesIn(database, SECONDS)
    for (let round = 0; round < ROUNDS; round++) {
      for (const state of ['on', 'off'] as const) {
        await switchTriggers(database, state === 'on' ? 'enable always' : 'disable')
        counts[state].push((await writesIn(database, SECONDS)) / SECONDS)
      }
    }
    return {
      value: median(counts.on.map((it, at) => it / (counts.off[at] ?? Number.NaN))),
      notes: [
        `${WRITERS} writers, one transaction for each change; PostgreSQL does not wait for its disk ` +
          'here, which makes the rest of a write cheaper than in production',
        `with: ${Math.round(median(counts.on))} writes/s, without: ${Math.round(median(counts.off))}`,
      ],
    }
  },
}

// One tenant for each writer; the writer's number is the last digit of all its ids.
const id = (writer: string) => `('00000000-0000-7000-8000-00000000000' || ${writer})::uuid`
const seed = `
  insert into tenantry.tenants (id, name, subdomain, code)
    select ${id('w')}, 'w', 'writer-' || w, 'WRITER_' || w from generate_series(0, ${WRITERS - 1}) w;
  insert into tenantry.domains (id, name, tenant_id, proof)
    select ${id('w')}, 'writer-' || w || '.example', ${id('w')}, repeat('0', 32) from generate_series(0, ${WRITERS - 1}) w;
  insert into tenantry.users (id, email, email_key)
    select ${id('w')}, 'w' || w, 'w' || w from generate_series(0, ${WRITERS - 1}) w;
  insert into tenantry.members (tenant_id, user_id) select id, id from tenantry.users;
  insert into tenantry.roles (tenant_id, id, name) select id, id, 'clerk' from tenantry.users;
  insert into tenantry.sessions
    (tenant_id, id, user_id, idle_expires_at, expires_at, credentials_epoch, method, amr, kind, origin)
    select id, id, id, now() + interval '1 day', now() + interval '1 day', sessions_valid_from,
      'password', '{pwd}', 'tokens', 'https://a.test'
    from tenantry.users`

// Each write changes a column that cached values depend on.
function writesOf(writer: number): string[] {
  const it = id(`'${writer}'`)
  return [
    `update tenantry.tenants set name = clock_timestamp()::text where id = ${it}`,
    `update tenantry.domains set name = 'n' || floor(random() * 1e9) || '.example' where tenant_id = ${it}`,
    `update tenantry.users set full_name = clock_timestamp()::text where id = ${it}`,
    `update tenantry.members set is_active = not is_active where tenant_id = ${it}`,
    `insert into tenantry.member_roles (tenant_id, user_id, role, role_id)
       values (${it}, ${it}, 'clerk', ${it})`,
    `delete from tenantry.member_roles where tenant_id = ${it}`,
    `update tenantry.roles set name = 'clerk_' || floor(random() * 1e9) where tenant_id = ${it}`,
    `insert into tenantry.role_permissions (tenant_id, role_id, permission)
       values (${it}, ${it}, 'projects:read')`,
    `delete from tenantry.role_permissions where tenant_id = ${it}`,
    `update tenantry.sessions set expires_at = expires_at + interval '1 s' where tenant_id = ${it}`,
  ]
}

async function writesIn(database: TemporaryDatabase, seconds: number): Promise<number> {
  const endsAt = performance.now() + seconds * 1_000
  const writers = Array.from({ length: WRITERS }, (_, writer) => write(database, writer, endsAt))
  return (await Promise.all(writers)).reduce((sum, it) => sum + it, 0)
}

function write(database: TemporaryDatabase, writer: number, endsAt: number): Promise<number> {
  return withClient(superuserUrl(database), async (client) => {
    let written = 0
    const writes = writesOf(writer)
    // Whole rounds only: each needs the state that the one before left.
    while (performance.now() < endsAt) {
      for (const text of writes) await client.query(text)
      written += writes.length
    }
    return written
  })
}

async function switchTriggers(database: TemporaryDatabase, state: string): Promise<void> {
  const statements = tables.flatMap((table) =>
    ['update', 'delete', 'truncate', ...(inserts.has(table) ? ['insert'] : [])].map(
      (event) => `alter table tenantry.${table} ${state} trigger invalidate_${event}`,
    ),
  )
  await asSuperuser(database, ...statements)
}

const inserts = new Set(['tenants', 'domains', 'member_roles', 'role_permissions'])
