import pg from 'pg'

/** What came of a statement: `code` is its SQLSTATE, or `ok`. */
export interface Attempt {
  code: string
  message: string
  detail: string
  rowCount: number
  rows: Record<string, unknown>[]
}

/** Tries a statement in a transaction that is rolled back, for this tenant or for none. */
export async function attempt(
  client: pg.Client,
  tenantId: string | undefined,
  text: string,
  values: unknown[] = [],
): Promise<Attempt> {
  await client.query('begin')
  try {
    if (tenantId !== undefined) await client.query('select tenantry.set_tenant($1)', [tenantId])
    const { rowCount, rows } = await client.query(text, values)
    return { code: 'ok', message: '', detail: '', rowCount: rowCount ?? 0, rows }
  } catch (error) {
    if (!(error instanceof pg.DatabaseError)) throw error
    const { code = '', message, detail = '' } = error
    return { code, message, detail, rowCount: 0, rows: [] }
  } finally {
    await client.query('rollback')
  }
}
