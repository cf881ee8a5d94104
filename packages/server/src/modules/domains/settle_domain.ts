import { type Kysely, sql } from 'kysely'
import { ownersOf } from '../../access/owners.ts'
import type { RequestInfo } from '../../app/context.ts'
import type { Enqueue } from '../../app/jobs/job.ts'
import type { Policy } from '../../app/policy.ts'
import { recordAudit } from '../../audit/audit_log.ts'
import type { KernelTables } from '../../db/tables.ts'
import { domainNotice } from './domain_notice.mail.ts'
import type { Seen } from './look_up_domain.ts'

/** Where a change of state happens, and in whose name. */
export interface Settling {
  db: Kysely<KernelTables>
  enqueue: Enqueue
  request: RequestInfo
  policy: Policy
  actorId?: string | undefined
}

/** How long a proof must be gone before another tenant that proves the name gets it. */
export const TAKEOVER_HOURS = 72
const FAILING_DAYS = 7
const DETACHED_DAYS = 30
const PENDING_DAYS = 3
const MAX_MAILS = 10

type State = 'pending' | 'verified' | 'failing' | 'detached'

interface Row {
  id: string
  name: string
  state: State
  created_by: string | null
  is_overdue: boolean
  is_forgotten: boolean
  is_new: boolean
}

/**
 * Moves a domain to the state that follows from what the DNS says, in the tenant's transaction, with the audit row
 * and the mails. Returns the state; undefined if the row is gone, or was deleted because it was detached long ago.
 */
export async function settleDomain(
  settling: Settling,
  id: string,
  seen: Pick<Seen, 'proof'> & { isTaken: boolean },
): Promise<{ state: State; isNew: boolean } | undefined> {
  const row = await lockDomain(settling.db, id)
  if (row === undefined) return undefined
  const next = nextState(row, seen)
  if (next === 'gone') return void (await forget(settling, row))
  if (next !== row.state) await move(settling, row, next)
  return { state: next, isNew: row.is_new }
}

/**
 * Detaches the domain of a tenant whose proof has been gone for long, because another tenant has proven the name.
 * Returns whether it did.
 */
export async function giveUpDomain(settling: Settling, id: string): Promise<boolean> {
  const row = await lockDomain(settling.db, id)
  if (row?.state !== 'failing') return false
  const { rows } = await sql<{ is_late: boolean }>`
    select failing_since <= now() - make_interval(hours => ${TAKEOVER_HOURS}) as is_late
    from tenantry.domains where id = ${id}`.execute(settling.db)
  if (rows[0]?.is_late !== true) return false
  await move(settling, row, 'detached', 'taken_over')
  return true
}

function nextState(
  { state, is_overdue, is_forgotten }: Row,
  { proof, isTaken }: Pick<Seen, 'proof'> & { isTaken: boolean },
): State | 'gone' {
  if (proof === 'found') return isTaken ? state : 'verified'
  // A DNS that does not answer takes no domain away.
  if (proof === 'unknown') return state
  if (state === 'verified') return 'failing'
  if (state === 'failing' && is_overdue) return 'detached'
  return state === 'detached' && is_forgotten ? 'gone' : state
}

function lockDomain(db: Kysely<KernelTables>, id: string): Promise<Row | undefined> {
  const since = (column: string, days: number) =>
    sql<boolean>`coalesce(${sql.ref(column)} <= now() - make_interval(days => ${days}), false)`
  return db
    .selectFrom('tenantry.domains')
    .select(['id', 'name', 'state', 'created_by'])
    .select(since('failing_since', FAILING_DAYS).as('is_overdue'))
    .select(since('detached_at', DETACHED_DAYS).as('is_forgotten'))
    .select(sql<boolean>`not ${since('created_at', PENDING_DAYS)}`.as('is_new'))
    .where('id', '=', id)
    .forUpdate()
    .executeTakeFirst()
}

const now = sql<string>`now()`

const changes = {
  pending: {},
  // A record that is back after a while has proven nothing new.
  verified: {
    verified_at: sql<string>`case when state = 'failing' then verified_at else now() end`,
    failing_since: null,
    detached_at: null,
  },
  failing: { failing_since: now },
  detached: { failing_since: null, detached_at: now, is_primary: false },
}

const actions = { verified: 'verify', failing: 'fail', detached: 'detach', pending: '' }

async function move(settling: Settling, row: Row, state: State, reason?: string): Promise<void> {
  await settling.db
    .updateTable('tenantry.domains')
    .set({ state, ...changes[state] })
    .where('id', '=', row.id)
    .execute()
  await record(settling, row, actions[state], reason)
  if (state === 'failing' || state === 'detached') await notify(settling, row, state)
}

async function forget(settling: Settling, row: Row): Promise<void> {
  await settling.db.deleteFrom('tenantry.domains').where('id', '=', row.id).execute()
  await record(settling, row, 'delete', 'detached')
}

function record(
  { db, request, actorId }: Settling,
  { id, name, state }: Row,
  verb: string,
  reason?: string,
): Promise<void> {
  return recordAudit(db, request, {
    action: `domains.${verb}`,
    entity: 'domains',
    entity_id: id,
    meta: { name, from: state, ...(reason === undefined ? {} : { reason }) },
    ...(actorId === undefined ? {} : { actor_id: actorId }),
  })
}

async function notify(
  { db, enqueue, policy }: Settling,
  { id, created_by }: Row,
  event: 'failing' | 'detached',
): Promise<void> {
  const owners = await ownersOf(db, policy, MAX_MAILS)
  const people = new Set([...(created_by === null ? [] : [created_by]), ...owners])
  for (const user_id of people) await enqueue(domainNotice, { domain_id: id, user_id, event })
}
