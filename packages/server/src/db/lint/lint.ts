import type pg from 'pg'
import { literalsOf, servingRoles } from '../provisioning/roles.ts'
import { isExcepted, type LintExceptions } from './exceptions.ts'
import type { LintRule } from './lint_rule.ts'

export interface LintFinding {
  rule: LintRule
  subject: string
  /** The fix for this subject, where the rule knows one. */
  fix?: string | null
}

export interface LintOptions {
  /** The app, whose lists of exceptions apply. */
  app?: LintExceptions | undefined
  /** The roles to examine, as an SQL list. The default is the serving roles. */
  roles?: string
}

/** Runs rules against the catalog, in one round trip. Any role may do so. Leaves out what is excepted. */
export async function lint(
  client: pg.Pool | pg.ClientBase,
  rules: readonly LintRule[],
  { app = {}, roles = literalsOf(servingRoles) }: LintOptions = {},
): Promise<LintFinding[]> {
  const findings = await allFindings(client, rules, roles)
  return findings.filter(({ rule, subject }) => !isExcepted(rule.id, subject, app))
}

/** The same, with the findings that are excepted. `roles` is an SQL list of the roles to examine. */
export async function allFindings(
  client: pg.Pool | pg.ClientBase,
  rules: readonly LintRule[],
  roles: string,
): Promise<LintFinding[]> {
  const { rows } = await client.query<{ id: string; found: Omit<LintFinding, 'rule'> }>(
    statement(rules, roles),
  )
  return rules.flatMap((rule) =>
    rows.filter(({ id }) => id === rule.id).map(({ found }) => ({ rule, ...found })),
  )
}

/** A finding and its fix, in one line. */
export function findingText({ rule, subject, fix }: LintFinding): string {
  return `${rule.id} ${subject}: ${rule.name}; ${fix ?? rule.fix}`
}

function statement(rules: readonly LintRule[], roles: string): string {
  const each = rules.map(
    ({ id, sql }) => `select '${id}' as id, to_jsonb(found) as found from (${sql(roles)}) found`,
  )
  return `${each.join('\nunion all\n')} order by 1, 2`
}
