interface AccessRecord {
  /** The access of each route. */
  access: Map<string, string>
  /** The permitted callers of each route. */
  callers: Map<string, Set<string>>
  /** The lines of the public routes that reach rows. */
  rows: Set<string>
}

/** What changed between two records of access, in words: who may now do what, and who no longer may. */
export function accessChanges(before: string, after: string): string[] {
  const [was, is] = [readRecord(before), readRecord(after)]
  const routes = new Set([...is.access.keys(), ...was.access.keys()])
  return [
    ...[...routes].flatMap((route) => routeChanges(route, was, is)),
    ...missing(is.rows, was.rows).map((it) => `a client that is not signed in now sees: ${it}`),
    ...missing(was.rows, is.rows).map(
      (it) => `a client that is not signed in no longer sees: ${it}`,
    ),
  ]
}

function routeChanges(route: string, was: AccessRecord, is: AccessRecord): string[] {
  const [old, now] = [was.access.get(route), is.access.get(route)]
  const before = was.callers.get(route) ?? new Set()
  const after = is.callers.get(route) ?? new Set()
  return [
    ...(old === undefined || now === undefined || old === now
      ? []
      : [`the access of ${route} is now ${now}, and was ${old}`]),
    ...missing(after, before).map((caller) => `${caller} may now ${route}`),
    ...missing(before, after).map((caller) => `${caller} may no longer ${route}`),
  ]
}

function missing(from: ReadonlySet<string>, other: ReadonlySet<string>): string[] {
  return [...from].filter((it) => !other.has(it))
}

function readRecord(text: string): AccessRecord {
  const record: AccessRecord = { access: new Map(), callers: new Map(), rows: new Set() }
  let titles: string[] = []
  for (const line of text.split('\n').filter((it) => it.startsWith('| '))) {
    const [route = '', access = '', ...cells] = line.slice(2, -2).split(' | ')
    if (route === 'route') titles = access === 'access' ? cells : []
    else if (titles.length === 0) record.rows.add([route, access, ...cells].join(', '))
    else {
      record.access.set(route, access)
      record.callers.set(route, new Set(titles.filter((_, at) => cells[at] === 'yes')))
    }
  }
  return record
}
