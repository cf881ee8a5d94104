import type { TemporaryDatabase } from '../../packages/server/src/db/provisioning/temporary_database.ts'
import { asSuperuser, openDatabaseOn } from './database.ts'

/** How many members a tenant of the big database has. */
export const MEMBERS_EACH = 5

/**
 * A database with so many tenants, as many users, who are members of five tenants each, and as many
 * projects, on the server of another. Written by sets, with constraints and triggers asleep.
 */
export async function openBigDatabase(
  beside: TemporaryDatabase,
  tenants: number,
  progress: (text: string) => void,
): Promise<TemporaryDatabase> {
  const database = await openDatabaseOn(beside)
  await asSuperuser(database, ...tables.map((it) => `alter table ${it} disable trigger all`))
  for (const [what, text] of Object.entries(steps(tenants))) {
    progress(`  ${what}`)
    await asSuperuser(database, text)
  }
  const awake = [
    ...tables.map((it) => `alter table ${it} enable trigger all`),
    ...tables.flatMap(announcing),
  ]
  await asSuperuser(database, awake.join(';'), 'vacuum analyze')
  return database
}

const tables = [
  'tenantry.tenants',
  'tenantry.users',
  'tenantry.members',
  'tenantry.member_roles',
  'projects',
]

// `enable trigger all` makes ordinary ones of those that must fire always.
function announcing(table: string): string[] {
  if (table === 'projects') return []
  return [
    `do $$ declare it name; begin
    for it in select tgname from pg_trigger
      where tgrelid = '${table}'::regclass and tgname like 'announce\\_%'
    loop execute format('alter table ${table} enable always trigger %I', it); end loop;
  end $$`,
  ]
}

const tenantId = idOf('7')
const userId = idOf('9')

// Ids in the order of their numbers, as UUIDv7 are in the order of their times.
function idOf(kind: string) {
  return (number: string) =>
    `('00000000-0000-7${kind}00-8000-' || lpad(to_hex(${number}), 12, '0'))::uuid`
}

function steps(tenants: number): Record<string, string> {
  const each = `generate_series(1, ${tenants}) t`
  // Scattered, so that a tenant's members are no neighbours in the table of users.
  const user = userId(`(t::bigint * 7919 + m * 104729) % ${tenants} + 1`)
  const members = `${each}, generate_series(1, ${MEMBERS_EACH}) m`
  return {
    tenants: `insert into tenantry.tenants (id, name, subdomain, code)
      select ${tenantId('t')}, 'Tenant ' || t, 'big-' || t, 'BIG_' || t from ${each}`,
    users: `insert into tenantry.users (id, email, email_key, full_name)
      select ${userId('t')}, 'user' || t || '@example.com', 'user' || t || '@example.com', 'User ' || t
      from ${each}`,
    members: `insert into tenantry.members (tenant_id, user_id)
      select ${tenantId('t')}, ${user} from ${members} on conflict do nothing`,
    roles: `insert into tenantry.member_roles (tenant_id, user_id, role)
      select tenant_id, user_id, 'manager' from tenantry.members`,
    projects: `insert into projects (tenant_id, id, name)
      select ${tenantId('t')}, ${tenantId('t')}, 'Project of ' || t from ${each}`,
  }
}
