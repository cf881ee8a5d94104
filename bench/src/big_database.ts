import type { TemporaryDatabase } from '../../packages/server/src/db/provisioning/temporary_database.ts'
import { asSuperuser, openDatabaseOn } from './database.ts'

/** The number of members of each tenant in the big database. */
export const MEMBERS_EACH = 5

/**
 * A second database on the server of `beside`, with this many tenants and as many domains. `fillTenants` adds the
 * rest. Both use set operations while triggers are disabled.
 */
export async function openBigDatabase(
  beside: TemporaryDatabase,
  tenants: number,
  progress: (text: string) => void,
): Promise<TemporaryDatabase> {
  const database = await openDatabaseOn(beside)
  await fill(database, hostTables, hostSteps(tenants), progress)
  return database
}

/** Adds as many users, who are members of five tenants each, and as many projects. */
export async function fillTenants(
  database: TemporaryDatabase,
  tenants: number,
  progress: (text: string) => void,
): Promise<void> {
  await fill(database, memberTables, memberSteps(tenants), progress)
}

const hostTables = ['tenantry.tenants', 'tenantry.domains']
const memberTables = ['tenantry.users', 'tenantry.members', 'tenantry.member_roles', 'projects']

async function fill(
  database: TemporaryDatabase,
  tables: readonly string[],
  steps: Record<string, string>,
  progress: (text: string) => void,
): Promise<void> {
  await asSuperuser(database, ...tables.map((it) => `alter table ${it} disable trigger all`))
  for (const [what, text] of Object.entries(steps)) {
    progress(`  ${what}`)
    await asSuperuser(database, text)
  }
  const enable = [
    ...tables.map((it) => `alter table ${it} enable trigger all`),
    ...tables.flatMap(enableAlways),
  ]
  // VACUUM marks a page as visible to all only if the COMMIT of its rows is in the log's file.
  const waitForLog = 'set synchronous_commit = on'
  await asSuperuser(database, waitForLog, enable.join(';'), `vacuum analyze ${tables.join(', ')}`)
}

// `enable trigger all` turns ALWAYS triggers into ordinary ones.
function enableAlways(table: string): string[] {
  if (table === 'projects') return []
  return [
    `do $$ declare it name; begin
    for it in select tgname from pg_trigger
      where tgrelid = '${table}'::regclass and tgname like 'invalidate\\_%'
    loop execute format('alter table ${table} enable always trigger %I', it); end loop;
  end $$`,
  ]
}

const tenantId = idOf('7')
const userId = idOf('9')

// Ids in numeric order, as UUIDv7 are in the order of their creation.
function idOf(kind: string) {
  return (number: string) =>
    `('00000000-0000-7${kind}00-8000-' || lpad(to_hex(${number}), 12, '0'))::uuid`
}

function hostSteps(tenants: number): Record<string, string> {
  const each = `generate_series(1, ${tenants}) t`
  return {
    tenants: `insert into tenantry.tenants (id, name, subdomain, code)
      select ${tenantId('t')}, 'Tenant ' || t, 'big-' || t, 'BIG_' || t from ${each}`,
    domains: `insert into tenantry.domains
        (tenant_id, id, name, state, proof, proof_seen_at, verified_at)
      select ${tenantId('t')}, ${tenantId('t')}, 'big-' || t || '.example', 'verified', repeat('0', 32), now(), now()
      from ${each}`,
  }
}

function memberSteps(tenants: number): Record<string, string> {
  const each = `generate_series(1, ${tenants}) t`
  // Scattered, so that a tenant's members are not adjacent in the table of users.
  const user = userId(`(t::bigint * 7919 + m * 104729) % ${tenants} + 1`)
  const members = `${each}, generate_series(1, ${MEMBERS_EACH}) m`
  return {
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
