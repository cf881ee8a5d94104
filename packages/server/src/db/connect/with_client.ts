import type pg from 'pg'
import { clientFor } from './rotating_password.ts'

/** Runs `work` on a separate connection and closes it. */
export async function withClient<T>(
  url: string,
  work: (client: pg.Client) => Promise<T>,
): Promise<T> {
  const Client = clientFor(url)
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 5_000 })
  // If the connection is lost between two queries, the next query reports it. Without a listener the
  // event would end the process.
  client.on('error', () => {})
  await client.connect()
  try {
    return await work(client)
  } finally {
    await client.end()
  }
}
