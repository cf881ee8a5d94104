import type pg from 'pg'

const TRANSACTION_STATEMENTS =
  /^(BEGIN( READ ONLY)?|COMMIT|ROLLBACK|select tenantry\.set_tenant\(\$1\)|)$/

/** A statement that was sent, and the role of the pool that sent it. */
export interface SentStatement {
  role: string
  text: string
  values: readonly unknown[]
}

/** Observes the pools. Returns a function that lists the statements sent while some work runs. */
export function recordStatements(pools: Record<string, pg.Pool>) {
  let recording: SentStatement[] | undefined
  for (const [role, pool] of Object.entries(pools)) {
    pool.on('connect', (client) => {
      const query = client.query.bind(client)
      const recorder = (statement: pg.QueryConfig) => {
        const { text, values = [] } = statement
        if (!TRANSACTION_STATEMENTS.test(text)) recording?.push({ role, text, values })
        return query(statement)
      }
      // connection.ts calls it only in this way.
      client.query = recorder as typeof client.query
    })
  }
  return async (work: () => Promise<unknown>): Promise<SentStatement[]> => {
    const statements: SentStatement[] = []
    recording = statements
    try {
      await work()
    } finally {
      recording = undefined
    }
    return statements
  }
}
