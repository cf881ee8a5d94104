import { Resolver } from 'node:dns/promises'

/** Which DNS servers are asked, and for how long. */
export interface DnsSettings {
  /** Undefined: those of the system. */
  servers: readonly string[] | undefined
  timeoutMs: number
}

/** What the DNS says about a name: records, that there are none, or nothing that can be relied on. */
export type DnsAnswer =
  | { kind: 'records'; values: string[] }
  | { kind: 'none' }
  | { kind: 'unknown'; reason: 'unreachable' | 'too_large' }

const MAX_RECORDS = 100
const MAX_TEXT = 4_096
const TRIES = 2

/** The TXT records of a name, each with its strings joined (RFC 7208, 3.3). */
export function txtRecords(name: string, settings: DnsSettings): Promise<DnsAnswer> {
  return ask(settings, async (resolver) =>
    (await resolver.resolveTxt(name)).map((parts) => parts.join('')),
  )
}

/** The addresses of a name, of both families. */
export async function addressRecords(name: string, settings: DnsSettings): Promise<DnsAnswer> {
  const [four, six] = await Promise.all([
    ask(settings, (resolver) => resolver.resolve4(name)),
    ask(settings, (resolver) => resolver.resolve6(name)),
  ])
  const values = [four, six].flatMap((it) => (it.kind === 'records' ? it.values : []))
  if (values.length > 0) return { kind: 'records', values }
  return four.kind === 'unknown' ? four : six
}

// A resolver of its own, so that the limit of one question cancels no other one.
async function ask(
  { servers, timeoutMs }: DnsSettings,
  question: (resolver: Resolver) => Promise<string[]>,
): Promise<DnsAnswer> {
  const resolver = new Resolver({ timeout: Math.ceil(timeoutMs / TRIES), tries: TRIES })
  if (servers !== undefined && servers.length > 0) resolver.setServers(servers)
  // Each server gets its tries, and a name can have many.
  const limit = setTimeout(() => resolver.cancel(), timeoutMs)
  try {
    return bounded(await question(resolver))
  } catch (error) {
    return isAbsence(error) ? { kind: 'none' } : { kind: 'unknown', reason: 'unreachable' }
  } finally {
    clearTimeout(limit)
  }
}

function bounded(values: string[]): DnsAnswer {
  const isLarge = values.length > MAX_RECORDS || values.some((it) => it.length > MAX_TEXT)
  if (isLarge) return { kind: 'unknown', reason: 'too_large' }
  return values.length === 0 ? { kind: 'none' } : { kind: 'records', values }
}

// A server that fails or refuses does not say that there is no record.
function isAbsence(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  return code === 'ENODATA' || code === 'ENOTFOUND'
}
