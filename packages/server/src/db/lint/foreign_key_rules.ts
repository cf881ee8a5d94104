import { hasTenantColumn, type LintRule } from './lint_rule.ts'

/** A foreign key to a tenant table refers to a row of the same tenant. */
export const tenantInForeignKeys: LintRule = {
  id: 'L7',
  name: 'a foreign key to a tenant table does not pair tenant_id with tenant_id',
  why: "a row could reference another tenant's row, and the error would reveal which ids exist",
  fix: 'foreign key (tenant_id, x_id) references x (tenant_id, id)',
  sql: () => `
    select con.conrelid::regclass::text || ' (' || con.conname || ')' as subject
    from pg_constraint con
    where con.contype = 'f' and ${hasTenantColumn('con.confrelid')} and not exists (
      select from unnest(con.conkey, con.confkey) as pair (own, referenced)
      join pg_attribute a on a.attrelid = con.conrelid and a.attnum = pair.own
      join pg_attribute b on b.attrelid = con.confrelid and b.attnum = pair.referenced
      where a.attname = 'tenant_id' and b.attname = 'tenant_id')`,
}

/** A foreign key of a tenant table has an index that leads with its columns. */
export const indexedForeignKeys: LintRule = {
  id: 'L18',
  name: 'a foreign key of a tenant table has no index',
  why: 'to delete a row that it references, or to list by it, PostgreSQL reads the rows of all tenants',
  fix: 'create an index that leads with its columns',
  // An index of the rows where a column is not null serves as well: null references nothing.
  sql: () => `
    select con.conrelid::regclass::text || ' (' || con.conname || ')' as subject,
      format('create index on %s (%s)', con.conrelid::regclass, (
        select string_agg(quote_ident(a.attname), ', ' order by place)
        from unnest(con.conkey) with ordinality k (attnum, place)
        join pg_attribute a on a.attrelid = con.conrelid and a.attnum = k.attnum)) as fix
    from pg_constraint con
    where con.contype = 'f' and con.conparentid = 0 and ${hasTenantColumn('con.conrelid')}
      and not exists (
        select from pg_index i
        where i.indrelid = con.conrelid and i.indisvalid
          and (i.indkey::int2[])[0:cardinality(con.conkey) - 1] @> con.conkey
          and (i.indpred is null
            or pg_get_expr(i.indpred, i.indrelid) ~ '^\\(\\w+ IS NOT NULL\\)$'))`,
}
