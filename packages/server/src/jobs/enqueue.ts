import { type CompiledQuery, type InsertObject, type Kysely, sql } from 'kysely'
import type { z } from 'zod'
import type { Duration, Enqueue, EnqueueOptions, JobKind } from '../app/jobs/job.ts'
import { compiledQuery } from '../db/compiled_query.ts'
import type { KernelTables } from '../db/tables.ts'
import type { RequestTransaction } from '../db/tenancy.ts'
import { newId } from '../lib/ids.ts'

/** Tells the workers that jobs were committed. */
export interface JobSignal {
  notify(): void
}

/** Who adds a job, and in which transaction. */
export interface JobOrigin {
  db: Kysely<KernelTables>
  /** Sends the row together with COMMIT. Without it, adding a job waits for a reply of the database. */
  transaction?: Partial<Pick<RequestTransaction, 'sendWithCommit'>>
  actorId?: string | undefined
  /** Only in the platform's scope. Other scopes take it from the tenant of the transaction. */
  tenantId?: string | undefined
  requestId?: string | undefined
}

const MAX_PAYLOAD_BYTES = 8_192
const MAX_KEY = 200
const SECONDS = { s: 1, m: 60, h: 3_600, d: 86_400 }
const MAX_AFTER_SECONDS = 366 * SECONDS.d

/** `ctx.enqueue` of one transaction. `added` is called for each job, before it commits. */
export function enqueueIn(origin: () => JobOrigin, added: () => void): Enqueue {
  return async (job, payload, options) => {
    await enqueueJob(origin(), job, payload, options)
    added()
  }
}

/** Adds a job in the tenant's transaction of `origin`. Its owner notifies the workers after COMMIT. */
export async function enqueueJob<Payload extends z.ZodType>(
  { db, transaction, actorId, tenantId, requestId = '' }: JobOrigin,
  { kind, payload: schema, priority }: JobKind<Payload>,
  payload: z.input<Payload>,
  { after, key }: EnqueueOptions = {},
): Promise<void> {
  const values = {
    id: newId(),
    kind,
    payload: payloadText(kind, schema, payload),
    actor_id: actorId ?? null,
    request_id: requestId,
    priority,
  }
  const more = {
    ...(tenantId === undefined ? {} : { tenant_id: tenantId }),
    ...(key === undefined ? {} : { key: keyOf(kind, key) }),
    ...(after === undefined ? {} : laterBy(secondsIn(after))),
  }
  const isPlain = Object.keys(more).length === 0
  const query = isPlain ? insertPlain(db, values) : insertQuery(db, { ...values, ...more })
  await (transaction?.sendWithCommit?.(query) ?? db.executeQuery(query))
}

type JobRow = InsertObject<KernelTables, 'tenantry.jobs'>

function insertQuery(db: Kysely<KernelTables>, row: JobRow): CompiledQuery {
  const insert = db.insertInto('tenantry.jobs').values(row)
  // Without a target: the identity role may not read the columns of the index.
  return (row.key == null ? insert : insert.onConflict((it) => it.doNothing())).compile()
}

type PlainRow = Record<'id' | 'kind' | 'payload' | 'request_id', string> & {
  actor_id: string | null
  priority: number
}

// Most jobs have no key and are due immediately.
const insertPlain = compiledQuery((db, row: PlainRow) => db.insertInto('tenantry.jobs').values(row))

// Written as the client gave it, not as the schema returns it: the worker parses it again.
function payloadText(kind: string, schema: z.ZodType, payload: unknown): string {
  const parsed = schema.safeParse(payload)
  if (!parsed.success)
    throw new Error(`job "${kind}": its payload is invalid`, { cause: parsed.error })
  const text = JSON.stringify(payload)
  const bytes = Buffer.byteLength(text)
  if (bytes <= MAX_PAYLOAD_BYTES) return text
  throw new Error(
    `job "${kind}": its payload has ${bytes} bytes, and ${MAX_PAYLOAD_BYTES} are allowed: store the data, ` +
      'and put only its id into the payload',
  )
}

function keyOf(kind: string, key: string): string {
  if (key.length > 0 && key.length <= MAX_KEY) return key
  throw new Error(`job "${kind}": its key must have 1 to ${MAX_KEY} characters`)
}

function laterBy(seconds: number) {
  const at = sql<string>`now() + make_interval(secs => ${seconds})`
  return { state: 'later' as const, run_at: at, due_at: at }
}

function secondsIn(duration: Duration): number {
  const [, count = '', unit = ''] = /^(\d+(?:\.\d+)?)([smhd])$/.exec(duration) ?? []
  const seconds = Number(count) * (SECONDS[unit as keyof typeof SECONDS] ?? Number.NaN)
  if (seconds >= 0 && seconds <= MAX_AFTER_SECONDS) return seconds
  throw new Error(
    `"${duration}" is no length of time up to 366 days: write "30s", "5m", "2h" or "7d"`,
  )
}
