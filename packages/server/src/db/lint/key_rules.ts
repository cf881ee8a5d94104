import { roles } from '../provisioning/roles.ts'
import { indexedForeignKeys, tenantInForeignKeys } from './foreign_key_rules.ts'
import { hasTenantColumn, type LintRule, own } from './lint_rule.ts'

/** The rules for keys, indexes and sequences. */
export const keyRules: readonly LintRule[] = [
  tenantInForeignKeys,
  indexedForeignKeys,
  {
    id: 'L8',
    name: 'a unique index of a tenant table spans tenants',
    why: 'a conflict reveals to one tenant what another tenant has',
    fix: "start its key with tenant_id (INCLUDE is not the key); if it must be global, list it in the app's catalogExceptions with a reason",
    sql: () => `
      select i.indexrelid::regclass::text as subject
      from pg_index i
      where i.indisunique and ${hasTenantColumn('i.indrelid')}
        and not exists (
          select from pg_attribute a where a.attrelid = i.indrelid and a.attname = 'tenant_id'
            and a.attnum = any ((i.indkey::int2[])[0:i.indnkeyatts - 1]))`,
  },
  {
    id: 'L11',
    name: 'row-level security prevents the use of an index',
    why: 'an operator that is not leakproof (enum, numeric, jsonb, arrays, citext) runs after the policy, which scans all rows',
    fix: 'index a column of type text, integer, uuid or timestamptz instead',
    sql: () => `
      select distinct i.indexrelid::regclass::text || ' (' || t.typname || ')' as subject
      from pg_index i
      join pg_class c on c.oid = i.indrelid and c.relrowsecurity
      cross join unnest(i.indclass::oid[]) opclass
      join pg_opclass o on o.oid = opclass
      join pg_type t on t.oid = o.opcintype
      join pg_amop a on a.amopfamily = o.opcfamily
        and a.amoplefttype = o.opcintype and a.amoppurpose = 's'
      join pg_operator op on op.oid = a.amopopr
      join pg_proc p on p.oid = op.oprcode
      where not p.proleakproof and (a.amoprighttype = o.opcintype or a.amopmethod <> 403)`,
  },
  {
    id: 'L20',
    name: 'a foreign key leads to the users or the tenants of the installation',
    why: 'its error reveals which people or tenants exist outside of this tenant',
    fix: 'foreign key (tenant_id, user_id) references tenantry.members (tenant_id, user_id)',
    sql: () => `
      select con.conrelid::regclass::text || ' (' || con.conname || ')' as subject
      from pg_constraint con
      join pg_class c on c.oid = con.conrelid join pg_namespace n on n.oid = c.relnamespace
      where con.contype = 'f' and n.nspname <> 'tenantry' and (
        con.confrelid = to_regclass('tenantry.users')
        or con.confrelid = to_regclass('tenantry.tenants') and not exists (
          select from pg_attribute a
          where a.attrelid = con.conrelid and array[a.attnum] = con.conkey and a.attname = 'tenant_id'))`,
  },
  {
    id: 'L21',
    name: 'an exclusion constraint of a tenant table spans tenants',
    why: 'a conflict reveals to one tenant what another tenant has',
    fix: 'exclude using gist (tenant_id with =, ...), which needs the extension btree_gist',
    sql: () => `
      select con.conrelid::regclass::text || ' (' || con.conname || ')' as subject
      from pg_constraint con
      where con.contype = 'x' and ${hasTenantColumn('con.conrelid')} and not exists (
        select from unnest(con.conkey, con.conexclop) as element (number, operator)
        join pg_attribute a on a.attrelid = con.conrelid and a.attnum = element.number
        join pg_operator o on o.oid = element.operator
        where a.attname = 'tenant_id' and o.oprname = '=')`,
  },
  {
    id: 'L22',
    name: 'a role that serves tenants draws from a sequence',
    why: 'the gaps in its numbers reveal how much the other tenants write',
    fix: "make ids with newId() and count in a row of the tenant, or list it in the app's catalogExceptions with a reason",
    // An identity column needs no privilege on its sequence.
    sql: (serving) => `
      select distinct c.oid::regclass::text as subject
      from pg_class c join pg_namespace n on n.oid = c.relnamespace
      join pg_roles role on role.rolname in ${serving} and role.rolname <> '${roles.platform.name}'
      left join pg_depend d on d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'i'
      where ${own('pg_class', 'c.oid')} and c.relkind = 'S' and (
        has_sequence_privilege(role.oid, c.oid, 'usage, select, update')
        or has_any_column_privilege(role.oid, d.refobjid, 'insert'))`,
  },
]
