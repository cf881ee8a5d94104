import { SpanKind, SpanStatusCode, trace } from '@opentelemetry/api'
import type pg from 'pg'

/** What is told of work on one connection. */
export interface Work {
  pool: pg.Pool
  /** By performance.now(). */
  startedAt: number
  statements: number
  outcome: 'commit' | 'rollback'
}

// Without an SDK this is nothing, and costs next to nothing: docs/decisions/0011-telemetry.md.
const tracer = trace.getTracer('tenantry')

/**
 * Tells the trace of work that `end` ends, as part of whatever runs now; the span is made when all is
 * over, so that a transaction which no query opened has none. Never a statement, a parameter or the
 * words of an error.
 */
export async function traced<T>(work: Work, end: () => Promise<T>): Promise<T> {
  try {
    const result = await end()
    spanOf(work, work.outcome).end()
    return result
  } catch (error) {
    spanOf(work, 'failed').setStatus({ code: SpanStatusCode.ERROR }).end()
    throw error
  }
}

function spanOf({ pool, startedAt, statements }: Work, outcome: Work['outcome'] | 'failed') {
  return tracer.startSpan('transaction', {
    kind: SpanKind.CLIENT,
    startTime: startedAt,
    attributes: {
      'db.system.name': 'postgresql',
      'tenantry.db_role': pool.options.application_name?.replace('tenantry ', '') ?? '',
      'tenantry.outcome': outcome,
      'tenantry.statements': statements,
    },
  })
}
