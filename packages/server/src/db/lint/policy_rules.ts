import { roles } from '../provisioning/roles.ts'
import { type LintRule, own } from './lint_rule.ts'

// As pg_get_expr writes what make_tenant_table gives every policy.
const OWN_TENANT =
  "(tenant_id = (NULLIF(current_setting(''app.tenant_id''::text, true), ''''::text))::uuid)"

const oneLine = (expression: string) => `regexp_replace(${expression}, '\\s+', ' ', 'g')`

// A function or an operator of another schema can have the name of one of the system.
const usesOwnCode = (policy: string) => `exists (
  select from pg_depend d where d.classid = 'pg_policy'::regclass and d.objid = ${policy}
    and d.refclassid in ('pg_proc'::regclass, 'pg_operator'::regclass))`

/** The rules for policies. */
export const policyRules: readonly LintRule[] = [
  {
    id: 'L2',
    name: 'two permissive policies apply to one role and command',
    why: 'permissive policies are combined with OR: the wider one defeats the narrower one',
    fix: 'merge them into one policy, or make the second one restrictive',
    sql: () => `
      select distinct p.polrelid::regclass::text || ' (' || p.polname || ', ' || q.polname || ')'
        as subject
      from pg_policy p
      join pg_policy q on q.polrelid = p.polrelid and q.polname > p.polname
      join pg_class c on c.oid = p.polrelid join pg_namespace n on n.oid = c.relnamespace
      where ${own('pg_class', 'c.oid')} and p.polpermissive and q.polpermissive
        and (p.polcmd = q.polcmd or '*' in (p.polcmd, q.polcmd))
        and (p.polroles && q.polroles or 0::oid = any (p.polroles || q.polroles))`,
  },
  {
    id: 'L3',
    name: 'a policy shows all rows, or does not check written rows',
    why: 'only the platform role and, to read, the backup role may have USING (true); without WITH CHECK a row can be moved to another tenant',
    fix: 'compare tenant_id in USING and in WITH CHECK, as make_tenant_table does',
    sql: () => `
      select polrelid::regclass::text || ' (' || polname || ')' as subject
      from pg_policy
      join pg_class c on c.oid = polrelid join pg_namespace n on n.oid = c.relnamespace
      where ${own('pg_class', 'c.oid')} and ((polcmd in ('a', 'w', '*') and polwithcheck is null)
        or ('true' in (pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid))
          and polroles <> array(select oid from pg_roles where rolname = '${roles.platform.name}')
          and not (polcmd = 'r'
            and polroles = array(select oid from pg_roles where rolname = '${roles.backup.name}'))))`,
  },
  {
    id: 'L14',
    name: 'a policy applies to PUBLIC or to several roles',
    why: 'a policy is written for one role: a wider one grants access that its author did not intend',
    fix: 'create policy ... to one role',
    sql: () => `
      select p.polrelid::regclass::text || ' (' || p.polname || ')' as subject
      from pg_policy p join pg_class c on c.oid = p.polrelid
      join pg_namespace n on n.oid = c.relnamespace
      where ${own('pg_class', 'c.oid')} and (cardinality(p.polroles) <> 1 or 0::oid = any (p.polroles))`,
  },
  {
    id: 'L23',
    name: 'a policy of a serving role is not the one of make_tenant_table',
    why: 'any other condition can show the rows of another tenant',
    fix: "compare tenant_id as make_tenant_table does, or add the text before ': a policy' to the app's catalogExceptions with a reason",
    // A restrictive policy can only narrow. The platform role sees all tenants.
    sql: (serving) => `
      select table_name || ' (' || polname || ' for ' || command || ')'
        || coalesce(' using ' || shown, '') || coalesce(' check ' || checked, '') as subject
      from (
        select p.oid, p.polrelid::regclass::text as table_name, p.polname,
          case p.polcmd when 'r' then 'select' when 'a' then 'insert' when 'w' then 'update'
            when 'd' then 'delete' else 'all' end as command,
          ${oneLine('pg_get_expr(p.polqual, p.polrelid)')} as shown,
          ${oneLine('pg_get_expr(p.polwithcheck, p.polrelid)')} as checked
        from pg_policy p
        join pg_class c on c.oid = p.polrelid join pg_namespace n on n.oid = c.relnamespace
        where ${own('pg_class', 'c.oid')} and p.polpermissive and exists (
          select from pg_roles role, unnest(p.polroles) target
          where role.rolname in ${serving} and role.rolname <> '${roles.platform.name}'
            and case when target = 0 then true else pg_has_role(role.oid, target, 'member') end)
      ) policy
      where ${usesOwnCode('oid')}
        or (command <> 'insert' and shown is distinct from '${OWN_TENANT}')
        or (command in ('all', 'insert', 'update') and checked is distinct from '${OWN_TENANT}')`,
  },
]
