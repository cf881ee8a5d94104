import type pg from 'pg'

const SET_TENANT = 'select tenantry.set_tenant($1)'

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
      const isFraming = framing()
      const recorder = (statement: pg.QueryConfig) => {
        const { text, values = [] } = statement
        if (!isFraming(text)) recording?.push({ role, text, values })
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

// BEGIN, one setting of the tenant, and the end of the transaction that BEGIN opened are the kernel's. A
// handler that sends them itself sends them in another place.
function framing(): (text: string) => boolean {
  let state: 'idle' | 'begun' | 'open' = 'idle'
  return (text) => {
    if (/^BEGIN( READ ONLY)?$/.test(text) && state === 'idle') {
      state = 'begun'
      return true
    }
    if (text === SET_TENANT && state === 'begun') {
      state = 'open'
      return true
    }
    const isEnd = /^(COMMIT|ROLLBACK)$/.test(text) && state !== 'idle'
    if (isEnd) state = 'idle'
    else if (state === 'begun') state = 'open'
    return isEnd || text === ''
  }
}
