const checks = [
  'access',
  'isolation',
  'public',
  'replies',
  'audit',
  'secrets',
  'lifecycle',
  'connections',
  'plans',
  'lint',
  'tenantless',
] as const

/** A sweep whose findings an app may except. */
export type Check = (typeof checks)[number]

/**
 * The faults of a check without the excepted ones: `isolation GET /api/status` excepts the isolation
 * faults of that route. An exception that excepts no fault, has no reason or names no check is a fault
 * itself, so that the list holds only what is needed.
 */
export function unexcepted(
  check: Check,
  faults: readonly string[],
  exceptions: Readonly<Record<string, string>> = {},
): string[] {
  const own = Object.keys(exceptions).filter((key) => key.startsWith(`${check} `))
  const concerns = (key: string) => (fault: string) => isAbout(fault, key.slice(check.length + 1))
  return [
    ...faults.filter((fault) => !own.some((key) => concerns(key)(fault))),
    ...own
      .filter((key) => !faults.some(concerns(key)))
      .map((key) => `${key}: this exception is not needed; remove it`),
    ...Object.entries(exceptions).flatMap(([key, reason]) => listFault(key, reason)),
  ]
}

function isAbout(fault: string, subject: string): boolean {
  return fault.startsWith(`${subject}:`) || fault.startsWith(`${subject} (`)
}

function listFault(key: string, reason: string): string[] {
  if (reason.trim() === '') return [`${key}: this exception has no reason; give one`]
  return checks.some((check) => key.startsWith(`${check} `))
    ? []
    : [`${key}: this exception names no check; start it with one of: ${checks.join(', ')}`]
}
