import { roles, servingRoles } from '../provisioning/roles.ts'
import type { CitusState } from './citus_state.ts'
import type { Step } from './citus_step.ts'

const WRITERS = [...servingRoles, 'owner' as const].map((role) => roles[role].name).join(', ')

/**
 * What makes Citus commit rows of the coordinator and of a worker together. It does so in two phases only where a
 * transaction changes several tables that Citus knows. Otherwise the worker commits first, and if its answer
 * is lost, the coordinator rolls back alone. A change of a table that Citus keeps on the coordinator counts,
 * also one of no row.
 */
export function phaseSteps({
  twoPhases,
  onePhase,
}: Pick<CitusState, 'twoPhases' | 'onePhase'>): Step[] {
  return [
    ...(twoPhases === 'absent' ? TABLE : []),
    ...(twoPhases === 'known' ? [] : [REGISTRATION]),
    ...onePhase.map((name) => ({
      why: 'its changes are committed together with those of a worker',
      sql: `create or replace trigger use_two_phases after insert or update or delete on ${name} for each statement execute function tenantry.use_two_phases()`,
    })),
  ]
}

const REGISTRATION: Step = {
  why: 'Citus knows it, and keeps it on the coordinator',
  sql: "select citus_add_local_table_to_metadata('tenantry.two_phases')",
}

const TABLE: Step[] = [
  { why: 'never has a row', sql: 'create table tenantry.two_phases (id integer primary key)' },
  {
    why: 'without a policy for them, no role that writes can add a row',
    sql: 'alter table tenantry.two_phases enable row level security, force row level security',
  },
  {
    why: 'their triggers delete no row of it',
    sql: `grant select, delete on tenantry.two_phases to ${WRITERS}`,
  },
  {
    why: 'a backup reads every table',
    sql: 'create policy backup_all_tenants on tenantry.two_phases for select to tenantry_backup using (true)',
  },
  {
    why: 'a backup reads every table',
    sql: 'grant select on tenantry.two_phases to tenantry_backup',
  },
  {
    why: 'no row has this id, so that nothing is locked',
    sql: `create function tenantry.use_two_phases() returns trigger language plpgsql set search_path = pg_catalog as $$
begin
  delete from tenantry.two_phases where id = 0;
  return null;
end $$`,
  },
  {
    why: 'only triggers run it',
    sql: 'revoke execute on function tenantry.use_two_phases() from public',
  },
]
