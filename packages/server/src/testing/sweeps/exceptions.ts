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
 * What is left of a check's faults without the excepted ones: `isolation GET /api/status` excepts
 * what the check says of that route. An exception that excepts nothing, has no reason or speaks of no
 * check is a fault itself, so that the list never outlives what it was for.
 */
export function unexcepted(
  check: Check,
  faults: readonly string[],
  exceptions: Readonly<Record<string, string>> = {},
): string[] {
  const own = Object.keys(exceptions).filter((key) => key.startsWith(`${check} `))
  const about = (key: string) => (fault: string) => speaksOf(fault, key.slice(check.length + 1))
  return [
    ...faults.filter((fault) => !own.some((key) => about(key)(fault))),
    ...own
      .filter((key) => !faults.some(about(key)))
      .map((key) => `${key}: this exception is not needed; remove it`),
    ...Object.entries(exceptions).flatMap(([key, reason]) => listFault(key, reason)),
  ]
}

function speaksOf(fault: string, subject: string): boolean {
  return fault.startsWith(`${subject}:`) || fault.startsWith(`${subject} (`)
}

function listFault(key: string, reason: string): string[] {
  if (reason.trim() === '') return [`${key}: this exception has no reason; give one`]
  return checks.some((check) => key.startsWith(`${check} `))
    ? []
    : [`${key}: this exception names no check; begin it with one of: ${checks.join(', ')}`]
}
