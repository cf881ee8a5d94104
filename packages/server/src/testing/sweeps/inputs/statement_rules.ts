import type { SentStatement } from '../../record_statements.ts'

interface Rule {
  pattern: RegExp
  fault: string
}

// A handler's statements are queries. Everything else acts on the session, which a pooled connection carries
// to the next tenant.
const QUERY = /^\(*\s*(select|with|insert|update|delete|merge|values)\b/

const rules: readonly Rule[] = [
  {
    pattern: /\b(set_config|current_setting|set_tenant|current_tenant\w*)\s*\(|app\.tenant/,
    fault:
      'sends a statement that sets or reads the tenant; leave that to ctx.db, which has the tenant of the host',
  },
  {
    pattern: /\bpg_settings\b/,
    fault: 'sends a statement that reads or changes settings of the session; remove it',
  },
  {
    pattern: /\b(query|table|cursor|schema|database)_to_xml\w*\s*\(/,
    fault: 'sends a statement that runs a text as SQL; write the query itself',
  },
  {
    pattern: /\bpg_(try_)?advisory_lock(_shared)?\s*\(/,
    fault:
      'sends a statement that takes a lock of the session; use pg_advisory_xact_lock, which ends with the transaction',
  },
]

/** What a statement of a handler does that none may do: set the tenant, change the role, lock a table. */
export function statementFaultsOf({ text }: SentStatement): string[] {
  const plain = plainSql(text)
  const broken = rules.filter((it) => it.pattern.test(plain)).map((it) => it.fault)
  if (broken.length > 0 || QUERY.test(plain)) return broken
  const [word = ''] = plain.split(' ')
  return [`sends a statement that is no query (${word} …); a handler sends queries only, remove it`]
}

// In lower case, without comments, quotes of identifiers and repeated white space.
function plainSql(text: string): string {
  return text
    .replaceAll(/\/\*[\s\S]*?\*\/|--[^\n]*/g, ' ')
    .replaceAll('"', '')
    .replaceAll(/\s+/g, ' ')
    .trim()
    .toLowerCase()
}
