import { type Kysely, sql } from 'kysely'
import { createJobs } from '../../app/jobs/create_jobs.ts'
import type { Duration, Job } from '../../app/jobs/job.ts'
import type { Policy } from '../../app/policy.ts'
import type { Config } from '../../config/config.ts'
import type { KernelTables } from '../../db/tables.ts'
import { backgroundScope, type Database } from '../../db/tenancy.ts'
import { enqueueIn } from '../../jobs/enqueue.ts'
import { newId } from '../../lib/ids.ts'
import { type DomainHolder, findDomainHolder } from '../../tenancy/domain_holder.ts'
import { heldProofs } from '../held_names/held_names.ts'
import { domainCheck } from './domain_check.ts'
import { proofValue, recordOf, targetOf } from './domains.ts'
import { lookUpDomain, type Seen } from './look_up_domain.ts'
import { giveUpDomain, type Settling, settleDomain, TAKEOVER_HOURS } from './settle_domain.ts'

/** What a check needs. */
export interface CheckDeps {
  config: Pick<Config, 'DNS_SERVERS' | 'DOMAIN_TARGET' | 'DOMAIN_CHECK_HOURS'>
  database: Database
  policy: Policy
}

/** A domain, before the DNS is asked. */
interface CheckedDomain {
  tenantId: string
  id: string
  name: string
  proof: string
  target: string
}

/** What a check has found: what the DNS says, and whether another tenant has the name. */
type Finding = Pick<Seen, 'proof'> & { isTaken: boolean }

const { effect } = createJobs<KernelTables>()
const PENDING_HOURS = 1

/** The job that checks a domain, changes its state and adds the next check. */
export function domainCheckJob(deps: CheckDeps): Job {
  return effect(domainCheck.kind, {
    payload: domainCheck.payload,
    prepare: ({ db, tenant }, { domain_id }) =>
      domainToCheck(db, { tenantId: tenant.id, target: targetOf(deps.config, tenant) }, domain_id),
    act: (domain) => checkDomain(deps, domain),
    async done(ctx, { domain_id }, finding) {
      const { db, enqueue, request, actor } = ctx
      const settling = { db, enqueue, request, policy: deps.policy, actorId: actor?.user.id }
      const settled = await settleDomain(settling, domain_id, finding)
      const after = settled && nextCheck(deps, settled)
      // The one that waits already stays: a check that a person asks for adds none.
      if (after !== undefined) await enqueue(domainCheck, { domain_id }, { after, key: domain_id })
    },
  })
}

/** The same without a job, for the command line. Returns the state; undefined if the domain was removed. */
export async function checkDomainNow(
  deps: CheckDeps,
  of: { tenantId: string; target: string },
  id: string,
): Promise<string | undefined> {
  const scope = backgroundScope(of.tenantId)
  const domain = await deps.database.inTenant(scope, (db: Kysely<KernelTables>) =>
    domainToCheck(db, of, id),
  )
  if (domain === undefined) return undefined
  const finding = await checkDomain(deps, domain)
  const settled = await deps.database.inTenant(scope, (db: Kysely<KernelTables>) =>
    settleDomain(inBackground(db, deps), id, finding),
  )
  return settled?.state
}

// Without an actor: workers look for the jobs each second.
function inBackground(db: Kysely<KernelTables>, { policy }: CheckDeps): Settling {
  const request = { id: newId(), address: '', userAgent: 'tenantry' }
  const enqueue = enqueueIn(
    () => ({ db, requestId: request.id }),
    () => undefined,
  )
  return { db, enqueue, request, policy }
}

/** Reads what a check needs. Undefined if the domain was removed. */
async function domainToCheck(
  db: Kysely<KernelTables>,
  of: { tenantId: string; target: string },
  id: string,
): Promise<CheckedDomain | undefined> {
  const row = await db
    .selectFrom('tenantry.domains')
    .select(['id', 'name', 'proof'])
    .where('id', '=', id)
    .executeTakeFirst()
  return row && { ...row, ...of }
}

/**
 * Asks the DNS, and notes what it says. The domain of another tenant gives way if its own proof has been gone for
 * long enough. No transaction is open while the DNS is asked.
 */
async function checkDomain(deps: CheckDeps, domain: CheckedDomain): Promise<Finding> {
  const seen = await lookUpDomain(deps.config, domain, domain.target)
  const isTaken = seen.proof === 'found' && (await isHeldByOther(deps, domain, seen))
  await note(deps, domain, seen, isTaken)
  return { proof: seen.proof, isTaken }
}

function nextCheck(
  { config }: CheckDeps,
  { state, isNew }: { state: string; isNew: boolean },
): Duration | undefined {
  if (state !== 'pending') return `${config.DOMAIN_CHECK_HOURS}h`
  return isNew ? `${PENDING_HOURS}h` : undefined
}

async function isHeldByOther(
  deps: CheckDeps,
  { tenantId, name }: CheckedDomain,
  { values }: Seen,
): Promise<boolean> {
  const holder = await findDomainHolder(deps.database, name, TAKEOVER_HOURS)
  if (holder === undefined) return isHeld(deps, { tenantId, name }, values)
  if (holder.tenantId === tenantId) return false
  // Its record may be back since its last check.
  if (!holder.isLate || values.includes(recordOf(holder).value)) return true
  return !(await giveUp(deps, holder))
}

// The record of a former tenant: the owner of the DNS has not let go of it yet.
async function isHeld(
  { database }: CheckDeps,
  name: Pick<CheckedDomain, 'tenantId' | 'name'>,
  values: readonly string[],
): Promise<boolean> {
  const proofs = await heldProofs(database, name)
  return proofs.some((it) => it !== null && values.includes(proofValue(it)))
}

// In the scope of that tenant: its row, its audit log and its mails.
function giveUp(deps: CheckDeps, { tenantId, id }: DomainHolder): Promise<boolean> {
  return deps.database.inTenant(backgroundScope(tenantId), (db: Kysely<KernelTables>) =>
    giveUpDomain(inBackground(db, deps), id),
  )
}

// As the identity role: without its word no domain is verified.
async function note(
  { database }: CheckDeps,
  { tenantId, id }: CheckedDomain,
  { proof, reason, pointsHere }: Seen,
  isTaken: boolean,
): Promise<void> {
  const problem = isTaken ? 'taken' : problemOf(proof, reason)
  await database.asIdentity(backgroundScope(tenantId), (db) =>
    db
      .updateTable('tenantry.domains')
      .set({
        checked_at: sql<string>`now()`,
        problem,
        points_here: pointsHere,
        ...(proof === 'found' ? { proof_seen_at: sql<string>`now()` } : {}),
      })
      .where('id', '=', id)
      .execute(),
  )
}

function problemOf(proof: Seen['proof'], reason: Seen['reason']) {
  if (proof === 'found') return null
  return proof === 'unknown' ? (reason ?? 'unreachable') : proof
}
