import { randomBytes } from 'node:crypto'
import { type Kysely, sql } from 'kysely'
import type { z } from 'zod'
import type { TenantContext } from '../../app/context.ts'
import type { ListQuery } from '../../app/list.ts'
import type { Config } from '../../config/config.ts'
import { readList } from '../../db/read_list.ts'
import type { KernelTables } from '../../db/tables.ts'
import { AppError, conflict, notFound, unprocessable } from '../../lib/errors.ts'
import { newId } from '../../lib/ids.ts'
import type { AttemptLimiter } from '../../limits/attempt_limiter.ts'
import { holdNames } from '../held_names/held_names.ts'
import { domainCheck } from './domain_check.ts'
import { domainFault, domainName, RECORD_LABEL } from './domain_name.ts'
import { type DomainChanges, DomainList, type NewDomain } from './domains.schema.ts'

type Context = TenantContext<KernelTables>

/** What the routes of domains need. */
export interface DomainDeps {
  config: Pick<
    Config,
    'BASE_DOMAINS' | 'PUBLIC_ORIGIN' | 'APP_HOST' | 'DOMAIN_TARGET' | 'HELD_NAME_DAYS'
  >
  attemptLimiter: AttemptLimiter
}

const MAX_DOMAINS = 20
const CHECKS_PER_HOUR = 60
const HOUR_SECONDS = 3_600
const PROOF_BYTES = 16

export async function listDomains(
  ctx: Context,
  deps: DomainDeps,
  query: ListQuery<typeof DomainList>,
) {
  const page = await readList(ctx, DomainList, query, domains(ctx.db))
  return { ...page, items: page.items.map((it) => shown(ctx, deps, it)) }
}

/** Throws 404. */
export async function findDomain(ctx: Context, deps: DomainDeps, id: string) {
  const row = await domains(ctx.db).where('id', '=', id).executeTakeFirst()
  if (row === undefined) throw notFound()
  return shown(ctx, deps, row)
}

/** Claims a domain and has it checked. Throws 409 for one that the tenant has, 422 for one that it cannot have. */
export async function createDomain(
  ctx: Context,
  deps: DomainDeps,
  { name: given }: z.output<typeof NewDomain>,
) {
  const name = acceptableName(given, deps.config)
  await reserveCheck(ctx, deps)
  const id = await claimDomain(ctx.db, ctx.tenant.id, { name, created_by: ctx.actor.user.id })
  await ctx.enqueue(domainCheck, { domain_id: id }, { key: id })
  ctx.audit({ entity_id: id, meta: { name } })
  return findDomain(ctx, deps, id)
}

/** The canonical name. Throws 422 for one that no tenant can have. */
function acceptableName(given: string, config: DomainDeps['config']): string {
  const name = domainName(given.trim())
  const fault = name === undefined ? 'must be a domain name' : domainFault(name, config)
  if (name === undefined || fault !== undefined) {
    throw unprocessable([{ pointer: '/name', message: fault ?? '' }])
  }
  return name
}

/** Adds a domain that is not proven yet. Throws 422 if the tenant has as many as it may have. */
export async function claimDomain(
  db: Kysely<KernelTables>,
  tenantId: string,
  given: { name: string; created_by: string | null },
): Promise<string> {
  // Counting needs a lock, or parallel requests would all find room.
  await sql`select pg_advisory_xact_lock(hashtextextended(${`domains ${tenantId}`}, 0))`.execute(db)
  const { count } = await db
    .selectFrom('tenantry.domains')
    .select(sql<number>`count(*)::int`.as('count'))
    .executeTakeFirstOrThrow()
  if (count >= MAX_DOMAINS) {
    const detail = `The tenant has ${MAX_DOMAINS} domains; remove one first`
    throw new AppError('unprocessable', 'limit.reached', detail)
  }
  const id = newId()
  const proof = randomBytes(PROOF_BYTES).toString('hex')
  await db
    .insertInto('tenantry.domains')
    .values({ id, proof, ...given })
    .execute()
  return id
}

// A new domain is checked as well: adding and removing names must not be a way around the limit.
async function reserveCheck(ctx: Context, { attemptLimiter }: DomainDeps): Promise<void> {
  await attemptLimiter.reserve(ctx.deadline, [
    {
      name: 'domain check',
      subject: [ctx.tenant.id],
      limit: CHECKS_PER_HOUR,
      windowSeconds: HOUR_SECONDS,
    },
  ])
}

/** Has a domain checked by a job. Throws 404, and 429 for too many checks. */
export async function requestCheck(ctx: Context, deps: DomainDeps, id: string) {
  await reserveCheck(ctx, deps)
  const domain = await findDomain(ctx, deps, id)
  // Not the key of the next regular check, which waits already.
  await ctx.enqueue(domainCheck, { domain_id: id }, { key: `${id} now` })
  return domain
}

/**
 * Makes a domain the primary one, or no longer. Throws 404, 409 for one that leads nowhere, and without `force` for one
 * that leads elsewhere, and 412.
 */
export async function updateDomain(
  ctx: Context,
  deps: DomainDeps,
  id: string,
  { is_primary, force }: z.output<typeof DomainChanges>,
) {
  const domain = await findDomain(ctx, deps, id)
  ctx.requireMatch(domain)
  if (is_primary && !isLive(domain)) {
    throw conflict('domain.unverified', 'Only a verified domain can be the primary one')
  }
  if (is_primary && domain.points_here === false && !force) {
    const detail = `${domain.name} does not lead to ${domain.target}: links in mails would not work`
    throw conflict('domain.elsewhere', `${detail}. Change its record, or send force`)
  }
  const update = ctx.db.updateTable('tenantry.domains')
  if (is_primary) await update.set({ is_primary: false }).where('is_primary', '=', true).execute()
  await update.set({ is_primary }).where('id', '=', id).execute()
  ctx.audit({ meta: { name: domain.name, is_primary } })
  return findDomain(ctx, deps, id)
}

/**
 * Removes a domain: it leads nowhere, its sessions end, and another tenant may prove it once the record of this one is
 * gone. Throws 404.
 */
export async function deleteDomain(
  ctx: Context,
  { config }: DomainDeps,
  id: string,
): Promise<void> {
  await holdNames(ctx.db, config)
  const removed = await ctx.db
    .deleteFrom('tenantry.domains')
    .where('id', '=', id)
    .returning(['name', 'state'])
    .executeTakeFirst()
  if (removed === undefined) throw notFound()
  ctx.audit({ meta: removed })
}

/** The TXT record that proves a domain. */
export function recordOf({ name, proof }: { name: string; proof: string }) {
  return { type: 'TXT' as const, name: `${RECORD_LABEL}.${name}`, value: proofValue(proof) }
}

/** The value of that record. */
export function proofValue(proof: string): string {
  return `tenantry=${proof}`
}

/** What a domain must lead to. */
export function targetOf(
  { DOMAIN_TARGET }: Pick<Config, 'DOMAIN_TARGET'>,
  { issuer }: { issuer: string },
): string {
  return DOMAIN_TARGET ?? new URL(issuer).hostname
}

function isLive({ state }: { state: string }): boolean {
  return state === 'verified' || state === 'failing'
}

function domains(db: Kysely<KernelTables>) {
  return db
    .selectFrom('tenantry.domains')
    .select(['id', 'name', 'state', 'is_primary', 'proof', 'problem', 'points_here'])
    .select(['created_at', 'checked_at', 'verified_at', 'failing_since', 'detached_at'])
}

function shown<Row extends { name: string; proof: string }>(
  { tenant }: Context,
  { config }: DomainDeps,
  row: Row,
) {
  const { proof: _, ...rest } = row
  return { ...rest, record: recordOf(row), target: targetOf(config, tenant) }
}
