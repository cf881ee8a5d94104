import { expect, test } from 'vitest'
import { splitStatements } from './split_statements.ts'

test('a file is split at the end of each statement, and nowhere else', () => {
  const file = `-- one; two
create table t (a text default 'x;''y', "b;c" text);
/* a; b */ insert into t values (E'\\';', $$;$$, $do$ a; $$ b; $do$);
do $$ begin perform 1; end $$;
-- the end;
`
  expect(splitStatements(file).map((it) => it.trim())).toEqual([
    `-- one; two\ncreate table t (a text default 'x;''y', "b;c" text)`,
    `/* a; b */ insert into t values (E'\\';', $$;$$, $do$ a; $$ b; $do$)`,
    'do $$ begin perform 1; end $$',
  ])
})

test('a statement without a semicolon counts, and an empty file has none', () => {
  expect(splitStatements('select 1; select 2')).toEqual(['select 1', ' select 2'])
  expect(splitStatements('\n-- nothing\n')).toEqual([])
})

test('a body of the SQL standard is not split', () => {
  const sql = 'create function f() returns int begin atomic select 1; select 2; end; select f();'
  expect(splitStatements(sql)).toEqual([sql])
})
