import { BaseSequencer, type TestSpecification } from 'vitest/node'

// Seconds on an idle machine. A file that is not here takes less than ten.
const LONG: Record<string, number> = {
  'src/sweep': 60,
  'web/test/custom_domain_attacks': 55,
  'web/test/appearance': 50,
  'jobs/mails': 38,
  'web/test/sign_up': 37,
  'cli/setup': 36,
  'tenant_scope/sweeps': 34,
  'faults/smoke': 32,
  'web/test/custom_domain': 31,
  'jobs/workers': 29,
  'cli/dev': 28,
  'web/test/settings': 26,
  'web/test/hand_over_attacks': 25,
  'web/test/workspaces': 23,
  'cli/start_errors': 21,
  'revocation/races': 21,
  'web/test/switch': 21,
  'endpoints/health': 19,
  'api/traces': 17,
  'database/pool': 17,
  'domains/domains': 17,
  'jobs/jobs': 16,
  'cli/doctor/doctor': 16,
  'web/test/sign_in': 15,
  'scripts/judges': 14,
  'database/outage': 14,
  'scripts/new_page': 13,
  'cli/platform/tenant': 12,
  'cli/main': 12,
  'web/test/reference': 12,
  'cli/start': 12,
  'web/test/members': 11,
  'sign_ups/sign_ups': 11,
}

// A worker that turns to another project loads the kernel anew: each project's files stay together. The
// kernel's are the last, because most of them are short and so end at about the same time.
const PROJECTS = ['starter', 'browser', 'scripts', 'kernel-tenant-scope', 'kernel']

/** Starts the longest files first, so that no worker is still busy with one when the others are done. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files)
    return sorted.toSorted(
      (a, b) => placeOf(a) - placeOf(b) || secondsOf(b.moduleId) - secondsOf(a.moduleId),
    )
  }
}

function placeOf({ project }: TestSpecification): number {
  return PROJECTS.indexOf(project.name)
}

function secondsOf(path: string): number {
  const [, seconds = 0] = Object.entries(LONG).find(([part]) => path.includes(`${part}.`)) ?? []
  return seconds
}
