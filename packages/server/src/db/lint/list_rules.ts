import type { ListedColumns, Route } from '../../app/route.ts'
import type { LintRule } from './lint_rule.ts'

interface Reading {
  table: string
  columns: readonly string[]
  /** Which columns of an order descend. What filters and searches needs no order. */
  downs?: readonly boolean[]
  id: string
  /** Is it searched by prefix? */
  isSearched: boolean
}

/** What the lists of these routes read by has an index of one tenant's rows. */
export function listIndexes(routes: readonly Pick<Route, 'list'>[]): LintRule {
  const read = routes.flatMap(({ list }) => (list === undefined ? [] : readingsOf(list)))
  return {
    id: 'L27',
    name: 'a list filters, sorts or searches by a column without an index',
    why: "a page then reads all of the tenant's rows",
    fix: 'create an index on (tenant_id, the columns, id)',
    sql: () => (read.length === 0 ? NONE : missingIndexes([...new Set(read.map(valuesOf))])),
  }
}

const NONE = 'select null as subject, null as fix where false'

function readingsOf({ table, id, filters, orders, q }: ListedColumns): Reading[] {
  const one = (column: string, isSearched: boolean) => ({
    table,
    id,
    columns: [column],
    isSearched,
  })
  return [
    ...Object.values(filters).map((column) => one(column, false)),
    ...q.map((column) => one(column, true)),
    ...orders.map((keys) => ({
      table,
      id,
      columns: keys.map(({ column }) => column),
      downs: keys.map(({ down }) => down),
      isSearched: false,
    })),
  ]
}

// The same index serves a column that is filtered and sorted by: one finding for both.
function valuesOf({ table, columns, downs, id, isSearched }: Reading): string {
  const isOrder = downs !== undefined && columns.length > 1
  const suffixes = columns.map((_, at) => (isOrder && downs[at] === true ? ' desc' : ''))
  return `(${[
    quoted(table),
    `array[${columns.map(quoted).join(', ')}]`,
    `array[${suffixes.map(quoted).join(', ')}]`,
    quoted(columns.includes(id) ? '' : id),
    isOrder ? optionsOf(downs, true) : 'null::int[]',
    isOrder ? optionsOf(downs, false) : 'null::int[]',
    isSearched,
  ].join(', ')})`
}

// As pg_index has them, for an index that is read forwards or backwards: 3 is `desc nulls first`.
function optionsOf(downs: readonly boolean[], forwards: boolean): string {
  return `array[${downs.map((it) => (it === forwards ? 3 : 0)).join(', ')}]`
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}

// In any other collation the range of a prefix holds other texts too.
function missingIndexes(values: string[]): string {
  return `
    with wanted as (
      select it.name, it.cols, it.key, it.forwards, it.backwards, it.searched,
        (select string_agg(col || suffix, ', ' order by at)
          from unnest(it.cols, it.suffixes) with ordinality x (col, suffix, at)) as subject,
        (select string_agg(format('%I', col) || suffix, ', ' order by at)
          || case when it.key = '' then '' else format(', %I', it.key)
            || it.suffixes[cardinality(it.suffixes)] end
          from unnest(it.cols, it.suffixes) with ordinality x (col, suffix, at)) as indexed,
        (select min(col) from unnest(it.cols) col where not exists (
          select from pg_attribute a
          where a.attrelid = to_regclass(it.name) and a.attname = col and a.attnum > 0
            and (not it.searched or a.attcollation = 'pg_catalog."C"'::regcollation))) as missing
      from (values ${values.join(', ')})
        it (name, cols, suffixes, key, forwards, backwards, searched)
    ), found as (
      select i.indrelid, i.indcollation[1] as collation,
        array_agg(a.attname::text order by at) as cols, array_agg(option::int order by at) as options
      from pg_index i
      cross join unnest(i.indkey::int2[], i.indoption::int2[])
        with ordinality key (attnum, option, at)
      left join pg_attribute a on a.attrelid = i.indrelid and a.attnum = key.attnum
      where i.indisvalid and i.indpred is null and option is not null
        and i.indrelid in (select to_regclass(name) from wanted)
      group by i.indexrelid, i.indrelid, i.indcollation[1]
    )
    select w.name || ' (' || w.subject || ')' as subject,
      case when to_regclass(w.name) is null then 'create the table, or correct the list'
        when w.missing is not null then format('give %s a column %I%s', w.name, w.missing,
          case when w.searched then ': text collate "C", in lower case' else '' end)
        else format('create index on %s (tenant_id, %s)', w.name, w.indexed) end as fix
    from wanted w
    where not exists (
      select from found f
      where f.indrelid = to_regclass(w.name)
        and f.cols[1 : 1 + cardinality(w.cols)] = array['tenant_id'] || w.cols
        and (w.forwards is null
          or f.options[2 : 1 + cardinality(w.cols)] in (w.forwards, w.backwards))
        and (not w.searched or f.collation = 'pg_catalog."C"'::regcollation))`
}
