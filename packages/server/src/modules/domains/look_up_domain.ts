import type { Config } from '../../config/config.ts'
import { addressRecords, type DnsSettings, txtRecords } from '../../lib/net/dns_records.ts'
import { recordOf } from './domains.ts'

/** What the DNS says about a domain. */
export interface Seen {
  /** `unknown`: the DNS did not answer, which says nothing about the record. */
  proof: 'found' | 'missing' | 'different' | 'unknown'
  reason?: 'unreachable' | 'too_large'
  /** Every value of the TXT record: also that of another tenant may be there. */
  values: readonly string[]
  /** Null if it is not known. */
  pointsHere: boolean | null
}

const LOOKUP_MS = 5_000

/** Asks the DNS for the record of a domain, and whether the domain leads to the target. Takes 5 seconds at most. */
export async function lookUpDomain(
  { DNS_SERVERS: servers }: Pick<Config, 'DNS_SERVERS'>,
  domain: { name: string; proof: string },
  target: string,
): Promise<Seen> {
  const settings = { servers, timeoutMs: LOOKUP_MS }
  const record = recordOf(domain)
  const [answer, pointsHere] = await Promise.all([
    txtRecords(record.name, settings),
    leadsTo(domain.name, target, settings),
  ])
  if (answer.kind === 'none') return { proof: 'missing', values: [], pointsHere }
  if (answer.kind === 'unknown') {
    return { proof: 'unknown', reason: answer.reason, values: [], pointsHere }
  }
  const values = answer.values.map((it) => it.trim())
  return { proof: values.includes(record.value) ? 'found' : 'different', values, pointsHere }
}

// A name at the top of a zone cannot have a CNAME, so the addresses count.
async function leadsTo(name: string, target: string, settings: DnsSettings) {
  const [own, wanted] = await Promise.all([
    addressRecords(name, settings),
    addressRecords(target, settings),
  ])
  if (own.kind === 'none') return false
  if (own.kind !== 'records' || wanted.kind !== 'records') return null
  return own.values.some((it) => wanted.values.includes(it))
}
