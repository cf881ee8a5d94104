import type { Field } from './fields.ts'
import type { Names } from './names.ts'

/** The migration that makes the table. */
export function upSql({ plural, words }: Names, fields: Field[]): string {
  return `-- ${plural}: the ${words} of a tenant.
create table ${plural} (
  tenant_id uuid not null,
  id uuid not null,
${fields.map(({ name, type }) => `  ${name} ${type.sql(name)},\n`).join('')}\
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  primary key (tenant_id, id)
);
select tenantry.make_tenant_table('${plural}');
`
}

/** Its way back, for development. */
export function downSql({ plural }: Names): string {
  return `drop table ${plural};\n`
}
