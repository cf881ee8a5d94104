import type { CommandConfig } from '../../config/config.ts'
import type { Database } from '../../db/tenancy.ts'
import { addressRecords } from '../../lib/net/dns_records.ts'
import { domainCertificate } from '../../modules/domains/domain_certificate.ts'
import {
  type DomainStats,
  domainStats,
  newestReachable,
  type ReportedDomain,
} from '../../modules/domains/domain_stats.ts'
import { targetOf } from '../../modules/domains/domains.ts'
import type { Check } from './check.ts'

const LOOKUP_MS = 5_000
const CERTIFICATES = 10
const RENEWAL_MS = 7 * 86_400_000

/** Checks whether custom domains are checked, lead here, and have certificates. */
export async function checkDomains(config: CommandConfig, database: Database): Promise<Check[]> {
  const hours = 2 * config.DOMAIN_CHECK_HOURS
  // The identity role sees the domains that lead to a tenant.
  const [stats, newest] = await database.asIdentity({ deadline: 'background' }, (db) =>
    Promise.all([domainStats(db, hours), newestReachable(db, CERTIFICATES)]),
  )
  const target = await targetFault(config)
  const faults = [
    ...recordFaults(stats, hours),
    ...(target === undefined ? [] : [target]),
    ...(stats.live > 0 && config.production && config.INTERNAL_PORT === undefined
      ? ['INTERNAL_PORT is not set: who gets their certificates? (docs/domains.md)']
      : []),
    ...(target === undefined ? await certificateFaults(config, newest) : []),
  ]
  return faults.length > 0
    ? faults.map((detail) => ({ name: 'domains', state: 'warn', detail }))
    : [{ name: 'domains', state: 'ok', detail: `${stats.live} lead to a tenant` }]
}

function recordFaults(stats: DomainStats, hours: number): string[] {
  const { failing, late, away } = stats
  return [
    ...(failing > 0
      ? [
          `${failing} without their TXT record (${someOf(stats.failingNames, failing)}): see \`tenantry domain list\``,
        ]
      : []),
    ...(late > 0 ? [`${late} not checked for ${hours} hours: does a worker run?`] : []),
    ...(away > 0
      ? [
          `${away} do not lead here (${someOf(stats.awayNames, away)}): their CNAME is missing or leads elsewhere`,
        ]
      : []),
  ]
}

function someOf(names: readonly string[], count: number): string {
  return count > names.length ? `${names.join(', ')}, ...` : names.join(', ')
}

async function targetFault({ DOMAIN_TARGET, DNS_SERVERS }: CommandConfig) {
  if (DOMAIN_TARGET === undefined) return undefined
  const settings = { servers: DNS_SERVERS, timeoutMs: LOOKUP_MS }
  const { kind } = await addressRecords(DOMAIN_TARGET, settings)
  if (kind === 'records') return undefined
  return kind === 'none'
    ? `DOMAIN_TARGET ${DOMAIN_TARGET} has no address in the DNS: customers' domains lead nowhere`
    : `DOMAIN_TARGET ${DOMAIN_TARGET} could not be looked up: can this machine reach its DNS servers?`
}

// One line for each fault, however many domains have it.
async function certificateFaults(
  config: CommandConfig,
  domains: readonly ReportedDomain[],
): Promise<string[]> {
  const found = await Promise.all(domains.map((it) => certificateFault(config, it)))
  return [...new Set(found)]
    .filter((it) => it !== undefined)
    .map((fault) => {
      const names = domains.filter((_, at) => found[at] === fault).map((it) => it.name)
      return `${fault}: ${names.join(', ')}`
    })
}

async function certificateFault(
  config: CommandConfig,
  { name, subdomain }: ReportedDomain,
): Promise<string | undefined> {
  const { PUBLIC_ORIGIN = '' } = config
  const target = targetOf(config, { issuer: PUBLIC_ORIGIN.replaceAll('{tenant}', subdomain) })
  const answer = await domainCertificate(config, { name, target })
  if (answer?.kind === 'unreachable') {
    return `this machine cannot ask for the certificate (${answer.reason})`
  }
  if (answer?.kind === 'invalid') return `no valid certificate (${answer.reason})`
  if (answer === undefined || answer.until.getTime() - Date.now() > RENEWAL_MS) return undefined
  return 'the certificate ends within a week, is it renewed?'
}
