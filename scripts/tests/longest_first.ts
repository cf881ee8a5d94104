import { BaseSequencer, type TestSpecification } from 'vitest/node'

// Seconds on an idle machine. A file that is not here takes less than ten.
const LONG: Record<string, number> = {
  'src/sweep': 40,
  'web/test/appearance': 30,
  'cli/dev': 25,
  'cli/setup': 25,
  'faults/smoke': 25,
  'web/test/settings': 25,
  'web/test/sign_up': 25,
  'tenant_scope/sweeps': 25,
  'jobs/workers': 20,
  'cli/platform/tenant': 20,
  'revocation/races': 20,
  'database/pool': 20,
  'database/lock_order': 15,
  'cli/doctor/doctor': 15,
  'cli/start_errors': 15,
  'cli/start': 15,
  'database/outage': 15,
  'jobs/jobs': 15,
  'web/test/sign_in': 12,
  'web/test/members': 12,
  'database/upgrade': 10,
  'jobs/mails': 10,
  'api/ways_in': 10,
  'api/fuzz': 10,
  'scripts/judges': 10,
  'scripts/new_page': 10,
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
