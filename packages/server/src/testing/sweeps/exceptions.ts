const checks = [
  'access',
  'cookies',
  'isolation',
  'inputs',
  'lists',
  'statements',
  'races',
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
 * The faults of a check without the excepted ones. The key of an exception is the check and the start of
 * one fault's text: `isolation GET /api/found: ?project_id=`. An exception that excuses no fault, or more
 * than one, that names only a route, has no reason or names no check is a fault itself: an exception as
 * wide as a route would hide the next leak of that route.
 */
export function unexcepted(
  check: Check,
  faults: readonly string[],
  exceptions: Readonly<Record<string, string>> = {},
): string[] {
  const own = Object.keys(exceptions).filter((key) => key.startsWith(`${check} `))
  const excused = (key: string) => faults.filter((fault) => isAbout(fault, subjectOf(check, key)))
  const sound = own.filter((key) => keyFaults(check, key, excused(key)).length === 0)
  const rest = faults.filter((fault) => !sound.some((key) => excused(key).includes(fault)))
  return [
    ...rest,
    ...own.flatMap((key) => keyFaults(check, key, excused(key))),
    ...Object.entries(exceptions).flatMap(([key, reason]) => listFault(key, reason)),
  ]
}

function subjectOf(check: Check, key: string): string {
  return plain(key.slice(check.length + 1))
}

function isAbout(fault: string, subject: string): boolean {
  const text = plain(fault)
  return text.startsWith(subject) && !/^\w/.test(text.slice(subject.length))
}

// The colon after the route may be left out of a key.
function plain(text: string): string {
  return text.trim().replace(/^([A-Z]+ \/\S*?):(?=\s|$)/, '$1')
}

function keyFaults(check: Check, key: string, excused: readonly string[]): string[] {
  if (excused.length === 0) return [`${key}: this exception is not needed; remove it`]
  const [fault = ''] = excused
  if (excused.length === 1 && !/^[A-Z]+ \/\S*$/.test(subjectOf(check, key))) return []
  return [
    `${key}: this exception is too wide, it must excuse one fault; ` +
      `name the fault: '${check} ${startOf(fault)}'`,
  ]
}

/** The part of a fault that stays the same: without what the app answered and what would mend it. */
function startOf(fault: string): string {
  return fault.split(/ answers |; | \(|, /, 1)[0] ?? fault
}

function listFault(key: string, reason: string): string[] {
  if (reason.trim() === '') return [`${key}: this exception has no reason; give one`]
  return checks.some((check) => key.startsWith(`${check} `))
    ? []
    : [`${key}: this exception names no check; start it with one of: ${checks.join(', ')}`]
}
