import type { z } from 'zod'

/** What adding a job needs to know of its kind. A job and a mail are one. */
export interface JobKind<Payload extends z.ZodType = z.ZodType> {
  /** Stored with each job: `digests.send`. A kind must keep its name while jobs of it wait. */
  readonly kind: string
  /** Validated when a job is added and again when it runs. */
  readonly payload: Payload
  /** 0 by default; a job with a smaller number runs before other jobs of its tenant. */
  readonly priority: number
}

/** A kind of background job: the value from which the worker validates and runs its rows. */
export interface Job<Payload extends z.ZodType = z.ZodType> extends JobKind<Payload> {
  /** The action of its row in the audit log. Undefined if it writes none. */
  readonly audit?: string | undefined
  readonly work: JobWork
}

/** What a job does. Undefined is a part that it does not have. */
export interface JobWork {
  /** Work in one transaction, which also deletes the job. */
  readonly run?: JobStep
  /** Work outside of the database, between two transactions. */
  readonly effect?: EffectSteps
  /** How long `run`, or `act` of an effect, may take. */
  readonly timeoutMs: number
}

// The builders checked the types of context and payload, which a stored job no longer has.
type JobStep = (ctx: never, payload: never) => unknown

/** The parts of an effect, see `Jobs.effect`. */
export interface EffectSteps {
  readonly prepare: JobStep
  readonly act: (input: never, signal: AbortSignal) => unknown
  readonly done?: ((ctx: never, payload: never, result: never) => unknown) | undefined
}

/** A length of time: `30s`, `5m`, `2h`, `7d`. */
export type Duration = `${number}${'s' | 'm' | 'h' | 'd'}`

export interface EnqueueOptions {
  /** Wait this long before the first run. */
  after?: Duration
  /** Do nothing if a waiting job of this kind has this key. */
  key?: string
}

/**
 * Adds a job in the transaction of the caller: it exists if, and only if, the transaction commits. Throws
 * if the payload does not fit the schema of the job or is too large.
 */
export type Enqueue = <Payload extends z.ZodType>(
  job: JobKind<Payload>,
  payload: z.input<Payload>,
  options?: EnqueueOptions,
) => Promise<void>

const KIND = /^[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*$/
const MAX_KIND = 100

/** The kind, if it is one. Throws an Error otherwise. */
export function checkedKind(kind: string): string {
  if (KIND.test(kind) && kind.length <= MAX_KIND) return kind
  throw new Error(`job "${kind}": a kind is like "digests.send": <noun>.<verb>, in lower case`)
}

/** Thrown by a job that cannot succeed, however often it is repeated: it is parked immediately. */
export class UnrecoverableError extends Error {
  override readonly name = 'UnrecoverableError'
}
