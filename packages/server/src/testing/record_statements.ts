import type pg from 'pg'

const TRANSACTION_WORDS =
  /^(BEGIN( READ ONLY)?|COMMIT|ROLLBACK|select tenantry\.set_tenant\(\$1\)|)$/

/** A statement as it was sent, and by the pool of which door. */
export interface SentStatement {
  door: string
  text: string
  values: readonly unknown[]
}

/** Listens to the pools; gives a function that lists what is sent while some work runs. */
export function recordStatements(pools: Record<string, pg.Pool>) {
  let recording: SentStatement[] | undefined
  for (const [door, pool] of Object.entries(pools)) {
    pool.on('connect', (client) => {
      const query = client.query.bind(client)
      const recorder = (statement: pg.QueryConfig) => {
        const { text, values = [] } = statement
        if (!TRANSACTION_WORDS.test(text)) recording?.push({ door, text, values })
        return query(statement)
      }
      // The doors call it in this one way.
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
