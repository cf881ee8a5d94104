import type pg from 'pg'
import { Deadline } from '../../lib/deadline.ts'
import { AppError } from '../../lib/errors.ts'
import { isDatabaseError, isReadOnlyViolation } from '../errors.ts'
import type { Statement } from '../kysely.ts'
import { ReadConnection } from '../read_connection.ts'
import type { ReadReplica } from './read_replica.ts'

// The request still has its whole deadline for the primary after it.
const WAIT_MS = 200

/** The reads of one request that go to the replica. Where one fails, the primary answers it. */
export class ReplicaReads {
  readonly #replica: ReadReplica
  readonly #tenantId: string
  readonly #connection: ReadConnection

  constructor(replica: ReadReplica, tenantId: string, setup: Statement) {
    this.#replica = replica
    this.#tenantId = tenantId
    const { pool } = replica
    this.#connection = new ReadConnection({ pool, setup, deadline: new Deadline(WAIT_MS) })
  }

  get isUsed(): boolean {
    return this.#connection.isUsed
  }

  /** Undefined if the statement must go to the primary. `onPrimary` repeats it there. */
  read(
    statement: Statement,
    onPrimary: () => Promise<pg.QueryResult>,
  ): Promise<pg.QueryResult> | undefined {
    if (statement.dataOnly !== true || !this.#replica.isUsableFor(this.#tenantId)) return undefined
    this.#replica.countRead()
    return this.#read(statement).catch((error: unknown) => {
      if (!mayDifferOnPrimary(error)) throw error
      this.#replica.readFailed(isLost(error))
      return onPrimary()
    })
  }

  /** A connection to a replica that has stopped answering is released when its query times out. */
  async release(outcome: 'commit' | 'rollback'): Promise<void> {
    const released = this.#connection.release(outcome)
    await unlessLost(this.#replica.lost, released).catch(() => {})
  }

  #read(statement: Statement): Promise<pg.QueryResult> {
    return unlessLost(this.#replica.lost, this.#connection.read(statement))
  }
}

class ReplicaLost extends Error {}

function unlessLost<T>(lost: AbortSignal, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const abandon = () => reject(new ReplicaLost('the replica has stopped answering'))
    lost.addEventListener('abort', abandon, { once: true })
    work.then(resolve, reject).finally(() => lost.removeEventListener('abort', abandon))
  })
}

// Not a statement that took too long, which would only take as long again, nor a handler's mistake.
function mayDifferOnPrimary(error: unknown): boolean {
  return codeOf(error) !== '57014' && !isReadOnlyViolation(error)
}

function isLost(error: unknown): boolean {
  return !isDatabaseError(causeOf(error)) || /^(08|53|57P)/.test(codeOf(error))
}

function codeOf(error: unknown): string {
  const cause = causeOf(error)
  return isDatabaseError(cause) ? cause.code : ''
}

function causeOf(error: unknown): unknown {
  return error instanceof AppError ? error.cause : error
}
