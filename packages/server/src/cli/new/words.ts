/** The reserved keywords of PostgreSQL 15 to 18, and the system columns of every table. */
export const sqlWords: ReadonlySet<string> = new Set(
  wordsOf(`
  all analyse analyze and any array as asc asymmetric authorization binary both case cast check
  collate collation column concurrently constraint create cross current_catalog current_date
  current_role current_schema current_time current_timestamp current_user default deferrable desc
  distinct do else end except false fetch for foreign freeze from full grant group having ilike in
  initially inner intersect into is isnull join lateral leading left like limit localtime
  localtimestamp natural not notnull null offset on only or order outer overlaps placing primary
  references returning right select session_user similar some symmetric system_user table
  tablesample then to trailing true union unique user using variadic verbose when where window with
  ctid cmax cmin oid tableoid xmax xmin`),
)

/** The reserved words of JavaScript, and what a schema file imports. */
export const javascriptWords: ReadonlySet<string> = new Set(
  wordsOf(`
  arguments await break case catch class const constructor continue debugger default delete do else
  enum eval export extends false finally for function if implements import in instanceof interface
  let new null package private protected public return static super switch this throw true try
  typeof undefined var void while with yield z defineList`),
)

/** Globals of JavaScript, which a schema of the same name would shadow. */
export const globals: ReadonlySet<string> = new Set(
  wordsOf(`
  Array ArrayBuffer Atomics BigInt Boolean DataView Date Error Function Infinity Intl Iterator JSON
  Map Math Number Object Promise Proxy Reflect RegExp Set String Symbol WeakMap WeakRef WeakSet`),
)

function wordsOf(text: string): string[] {
  return text.trim().split(/\s+/)
}
