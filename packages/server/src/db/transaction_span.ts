import { SpanKind, SpanStatusCode, trace } from '@opentelemetry/api'
import type pg from 'pg'

/** What a span says about work on one connection. */
export interface Work {
  pool: pg.Pool
  /** By performance.now(). */
  startedAt: number
  statements: number
  outcome: 'commit' | 'rollback'
}

// Does nothing without an SDK, at next to no cost: docs/decisions/0011-telemetry.md.
const tracer = trace.getTracer('tenantry')

/**
 * Runs `end`, which ends the work, and then records a span for the work under the active span. A
 * transaction that no query opened gets no span. A span never holds a statement, a parameter or the text
 * of an error.
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
