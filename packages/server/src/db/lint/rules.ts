import type { Route } from '../../app/route.ts'
import { backupRules } from './backup_rules.ts'
import { codeRules } from './code_rules.ts'
import { keyRules } from './key_rules.ts'
import type { LintRule } from './lint_rule.ts'
import { listIndexes } from './list_rules.ts'
import { policyRules } from './policy_rules.ts'
import { dangerousGrants, dangerousRoles } from './role_rules.ts'
import { tableRules } from './table_rules.ts'

/** An SQL condition: a release, such as 180004, lacks the fix. */
export const belowFloor = (version: string) => `(
  ${version} < 150020 or ${version} between 160000 and 160015
  or ${version} between 170000 and 170011 or ${version} between 180000 and 180006)`

/** Not a gate: development must go on, because the newest embedded build lacks the fix too. */
export const serverFloor: LintRule = {
  id: 'L12',
  name: 'PostgreSQL lacks the fix for CVE-2026-120154',
  why: 'INSERT ... ON CONFLICT DO UPDATE ... WHERE can read past row-level security',
  fix: 'production needs 15.20, 16.16, 17.12, 18.7 or later',
  sql: () => `
    select split_part(current_setting('server_version'), ' ', 1) as subject
    where ${belowFloor("current_setting('server_version_num')::int")}`,
}

/** All rules but that of lists: production does not start while one is violated, and `doctor` reports it. */
export const lintRules: readonly LintRule[] = [
  ...tableRules,
  ...policyRules,
  ...keyRules,
  ...codeRules,
  dangerousRoles,
  dangerousGrants,
  ...backupRules,
]

/** All rules for the schema of an app: those, and the indexes that its lists need. */
export function rulesFor({ routes = [] }: { routes?: readonly Route[] }): readonly LintRule[] {
  return [...lintRules, listIndexes(routes)]
}
