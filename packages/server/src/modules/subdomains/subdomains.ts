import { type Kysely, type RawBuilder, sql } from 'kysely'
import type { App } from '../../app/define_app.ts'
import type { CommandConfig } from '../../config/config.ts'
import type { KernelTables } from '../../db/tables.ts'
import { canonicalName } from '../../lib/net/hostname.ts'
import { OperatorError } from '../../lib/operator_error.ts'
import { heldSubdomain } from '../held_names/held_names.ts'
import { tenantOn } from '../tenants/tenants.ts'

/** Why a name cannot be the subdomain of a new tenant. */
export type SubdomainFault = 'malformed' | 'reserved'

/** Which names a new tenant may have. */
export interface SubdomainRules {
  /** The fault of a name, which must be in lower case. Undefined: a tenant may have it, if none does. */
  faultOf(name: string): SubdomainFault | undefined
}

/**
 * The rules of an installation: its own names and those of the app are reserved, and so is what looks like one
 * of them. Throws an OperatorError for a reserved name of the app that is no label.
 */
export function subdomainRules(
  { reservedSubdomains = [] }: Pick<App, 'reservedSubdomains'>,
  config: Pick<CommandConfig, 'APP_HOST' | 'BASE_DOMAINS'>,
): SubdomainRules {
  const wrong = reservedSubdomains.find((it) => !isLabel(it))
  if (wrong !== undefined) {
    throw new OperatorError(
      `reservedSubdomains: "${wrong}" is no subdomain; write one label in lower case, such as "shop"`,
    )
  }
  const reserved = new Set([...RESERVED, ...reservedSubdomains, ...ownLabels(config)].map(folded))
  return {
    faultOf(name) {
      if (!isLabel(name)) return 'malformed'
      return reserved.has(folded(name)) ? 'reserved' : undefined
    },
  }
}

/** Whether a new tenant can have a name, through `asIdentity`, and why not. */
export async function subdomainAvailability(
  db: Kysely<KernelTables>,
  rules: SubdomainRules,
  name: string,
): Promise<{ available: boolean; reason: SubdomainFault | 'taken' | null }> {
  const fault = rules.faultOf(name)
  if (fault !== undefined) return { available: false, reason: fault }
  const { is_taken } = await db
    .selectNoFrom(isTaken(db, name).as('is_taken'))
    .executeTakeFirstOrThrow()
  return is_taken ? { available: false, reason: 'taken' } : { available: true, reason: null }
}

/** Part of a query through `asIdentity`: whether a name has a tenant, or had one until lately. */
export function isTaken(db: Kysely<KernelTables>, name: string | RawBuilder<string>) {
  // Not EXISTS of the tenant: PostgreSQL may read all tenants for that, where the name is a column.
  return sql<boolean>`(${tenantOn(db, name)} is not null or exists ${heldSubdomain(db, name)})`
}

/**
 * Names of services that stand beside an app, of the protocols by which clients find one (autodiscover, wpad),
 * and those that a person takes for the provider.
 */
const RESERVED =
  `about account accounts admin administrator api app assets auth autoconfig autodiscover billing
  blog cdn console dashboard dev docs email files ftp help imap internal isatap localhost login logout mail
  media mx ns ns1 ns2 operator operators platform pop postmaster root security signin signup smtp ssl static
  status support system tenant tenantry tenants test webmail workspace workspaces wpad www`.split(
    /\s+/,
  )

// A name in Punycode may look like any other, and one of digits like a part of an address.
function isLabel(name: string): boolean {
  const isName = canonicalName(name) === name && !name.includes('.')
  return isName && !name.startsWith('xn--') && !/^\d+$/.test(name)
}

// Equal for names that a person can take for each other.
function folded(name: string): string {
  return name
    .replaceAll('-', '')
    .replaceAll('0', 'o')
    .replaceAll(/[1l]/g, 'i')
    .replaceAll('rn', 'm')
    .replaceAll('vv', 'w')
}

// APP_HOST, or one base domain, may be one label under another: its host is no tenant's.
function ownLabels({
  APP_HOST,
  BASE_DOMAINS = [],
}: Pick<CommandConfig, 'APP_HOST' | 'BASE_DOMAINS'>): string[] {
  const own = APP_HOST === undefined ? BASE_DOMAINS : [APP_HOST, ...BASE_DOMAINS]
  return BASE_DOMAINS.flatMap((base) =>
    own
      .filter((it) => it.endsWith(`.${base}`))
      .map((it) => it.slice(0, -base.length - 1))
      .filter((it) => !it.includes('.')),
  )
}
