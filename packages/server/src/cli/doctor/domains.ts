import type { CommandConfig } from '../../config/config.ts'
import type { Database } from '../../db/tenancy.ts'
import { addressRecords } from '../../lib/net/dns_records.ts'
import { domainStats } from '../../modules/domains/platform_domains.ts'
import type { Check } from './check.ts'

const LOOKUP_MS = 5_000

/** Checks whether custom domains are checked and can be reached. */
export async function checkDomains(config: CommandConfig, database: Database): Promise<Check[]> {
  const check = (state: Check['state'], detail: string): Check => ({
    name: 'domains',
    state,
    detail,
  })
  const hours = 2 * config.DOMAIN_CHECK_HOURS
  // The identity role sees the domains that lead to a tenant.
  const { live, failing, late } = await database.asIdentity({ deadline: 'background' }, (db) =>
    domainStats(db, hours),
  )
  const target = await targetFault(config)
  const faults = [
    ...(failing > 0
      ? [check('warn', `${failing} without their TXT record: see \`tenantry domain list\``)]
      : []),
    ...(late > 0
      ? [check('warn', `${late} not checked for ${hours} hours: does a worker run?`)]
      : []),
    ...(target === undefined ? [] : [check('warn', target)]),
    ...(live > 0 && config.production && config.INTERNAL_PORT === undefined
      ? [check('warn', 'INTERNAL_PORT is not set: who gets their certificates? (docs/domains.md)')]
      : []),
  ]
  return faults.length > 0 ? faults : [check('ok', `${live} lead to a tenant`)]
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
