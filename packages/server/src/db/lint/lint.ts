import type pg from 'pg'
import { forcedRls, type LintRule, servingRoles, unreachable } from './rules.ts'

export interface LintFinding {
  rule: LintRule
  subject: string
}

export interface LintOptions {
  /** An app's unprotected tables, with their reasons. */
  allowed?: Readonly<Record<string, string>> | undefined
  /** The roles to look at, as SQL; the doors' own unless said. */
  database?: string
}

/** Runs rules against the catalog; any role may. */
export async function lint(
  client: pg.Pool | pg.ClientBase,
  rules: readonly LintRule[],
  { allowed = {}, database = servingRoles }: LintOptions = {},
): Promise<LintFinding[]> {
  const findings: LintFinding[] = []
  for (const rule of rules) {
    const { rows } = await client.query<{ subject: string }>(rule.sql(database))
    const known = listed.includes(rule) ? { ...rule.allowed, ...inPublic(allowed) } : rule.allowed
    const offences = rows.filter(({ subject }) => !(subject in (known ?? {})))
    findings.push(...offences.map(({ subject }) => ({ rule, subject })))
  }
  return findings
}

/** A finding in one line that says what to do. */
export function findingText({ rule, subject }: LintFinding): string {
  return `${rule.id} ${subject}: ${rule.name}; ${rule.fix}`
}

/** The rules which an app's list of unprotected tables speaks to. */
const listed: readonly LintRule[] = [forcedRls, unreachable]

// An app's own tables are in public; it need not say so.
function inPublic(allowed: Readonly<Record<string, string>>): Record<string, string> {
  const named = Object.entries(allowed).map(([name, reason]) => [
    name.includes('.') ? name : `public.${name}`,
    reason,
  ])
  return Object.fromEntries(named)
}
