import type pg from 'pg'
import { literalsOf, servingRoles } from '../provisioning/roles.ts'
import type { LintRule } from './lint_rule.ts'
import { forcedRls, unreachable } from './rules.ts'

export interface LintFinding {
  rule: LintRule
  subject: string
  /** The fix for this subject, where the rule knows one. */
  fix?: string | null
}

export interface LintOptions {
  /** The app's unprotected tables, each with its reason. */
  allowed?: Readonly<Record<string, string>> | undefined
  /** The roles to examine, as an SQL list. The default is the serving roles. */
  roles?: string
}

/** Runs rules against the catalog. Any role may do so. */
export async function lint(
  client: pg.Pool | pg.ClientBase,
  rules: readonly LintRule[],
  { allowed = {}, roles = literalsOf(servingRoles) }: LintOptions = {},
): Promise<LintFinding[]> {
  const findings: LintFinding[] = []
  for (const rule of rules) {
    const { rows } = await client.query<Omit<LintFinding, 'rule'>>(rule.sql(roles))
    const exceptions = listable.includes(rule)
      ? { ...rule.allowed, ...inPublic(allowed) }
      : rule.allowed
    const violations = rows.filter(({ subject }) => !(subject in (exceptions ?? {})))
    findings.push(...violations.map((it) => ({ rule, ...it })))
  }
  return findings
}

/** A finding and its fix, in one line. */
export function findingText({ rule, subject, fix }: LintFinding): string {
  return `${rule.id} ${subject}: ${rule.name}; ${fix ?? rule.fix}`
}

/** The rules that an app's list of unprotected tables applies to. */
const listable: readonly LintRule[] = [forcedRls, unreachable]

// An app's tables are in schema public, which the list may omit.
function inPublic(allowed: Readonly<Record<string, string>>): Record<string, string> {
  const qualified = Object.entries(allowed).map(([name, reason]) => [
    name.includes('.') ? name : `public.${name}`,
    reason,
  ])
  return Object.fromEntries(qualified)
}
