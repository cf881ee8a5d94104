import type pg from 'pg'

const TRANSACTION_WORDS = /^(BEGIN|COMMIT|ROLLBACK|select tenantry\.set_tenant\(\$1\)|)$/

/** Listens to the pools; gives a function that lists what is sent while some work runs. */
export function recordStatements(pools: pg.Pool[]) {
  let recording: string[] | undefined
  for (const pool of pools) {
    pool.on('connect', (client) => {
      const query = client.query.bind(client)
      const recorder = (statement: { text: string }) => {
        if (!TRANSACTION_WORDS.test(statement.text)) recording?.push(statement.text)
        return query(statement)
      }
      // The doors call it in this one way.
      client.query = recorder as typeof client.query
    })
  }
  return async (work: () => Promise<unknown>): Promise<string[]> => {
    const statements: string[] = []
    recording = statements
    try {
      await work()
    } finally {
      recording = undefined
    }
    return statements
  }
}
