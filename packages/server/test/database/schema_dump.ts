import { withClient } from '../../src/db/connect/with_client.ts'

/** Every object of the schemas `tenantry` and `public` in the catalog, one line each, sorted. */
export function schemaOf(url: string): Promise<string[]> {
  return withClient(url, async (client) => {
    const { rows } = await client.query<{ line: string }>(parts.join(' union all '))
    return rows.map((it) => it.line).sort()
  })
}

const bothSchemas = "in ('tenantry'::regnamespace, 'public'::regnamespace)"

const parts = [
  `select 'schema ' || nspname || ' ' || coalesce(nspacl::text, '') as line
   from pg_namespace where nspname in ('tenantry', 'public')`,
  `select concat_ws(' ', 'relation', relkind, oid::regclass, pg_get_userbyid(relowner), relacl,
     relrowsecurity, relforcerowsecurity, obj_description(oid, 'pg_class'))
   from pg_class where relnamespace ${bothSchemas}`,
  `select concat_ws(' ', 'column', attrelid::regclass, attname, format_type(atttypid, atttypmod),
     attnotnull, attacl, pg_get_expr(adbin, adrelid))
   from pg_attribute left join pg_attrdef on adrelid = attrelid and adnum = attnum
   join pg_class c on c.oid = attrelid
   where relnamespace ${bothSchemas} and relkind in ('r', 'p') and attnum > 0 and not attisdropped`,
  `select concat_ws(' ', 'constraint', conrelid::regclass, conname, pg_get_constraintdef(oid))
   from pg_constraint where connamespace ${bothSchemas}`,
  `select concat_ws(' ', 'index', pg_get_indexdef(indexrelid))
   from pg_index join pg_class c on c.oid = indrelid where relnamespace ${bothSchemas}`,
  `select concat_ws(' ', 'policy', polrelid::regclass, polname, polcmd, polpermissive,
     polroles::regrole[], pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid))
   from pg_policy`,
  `select concat_ws(' ', 'trigger', tgrelid::regclass, pg_get_triggerdef(oid))
   from pg_trigger where not tgisinternal`,
  `select concat_ws(' ', 'function', pg_get_functiondef(oid), proacl)
   from pg_proc where pronamespace ${bothSchemas}`,
  `select concat_ws(' ', 'default privilege', defaclrole::regrole, defaclnamespace::regnamespace,
     defaclobjtype, defaclacl)
   from pg_default_acl`,
]
