import pg from 'pg'

const NEXT = 'password_next'
const PATIENCE_MS = 5_000

/**
 * The client for a DSN. One that names two passwords, its own and `?password_next=`, while one takes the
 * place of the other, gets a client that begins with the one which the server takes then.
 */
export function clientFor(url: string): typeof pg.Client {
  const next = new URL(url).searchParams.get(NEXT)
  if (!next) return pg.Client
  const dsns = [plain(url), plain(url, next)]
  return class extends pg.Client {
    constructor(config?: string | pg.ClientConfig) {
      super(config)
      // The driver asks for it when the server does; the DSN's own would come before an option's.
      Object.assign(this, { password: () => passwordThatWorks(dsns) })
    }
  }
}

function plain(url: string, password?: string): string {
  const dsn = new URL(url)
  dsn.searchParams.delete(NEXT)
  if (password !== undefined) dsn.password = encodeURIComponent(password)
  return dsn.href
}

async function passwordThatWorks(dsns: readonly string[]): Promise<string> {
  for (const dsn of dsns) if (await isTaken(dsn)) return passwordOf(dsn)
  return passwordOf(dsns[0] ?? '')
}

// What else is wrong, the connection that is to come will say.
async function isTaken(dsn: string): Promise<boolean> {
  const client = new pg.Client({ connectionString: dsn, connectionTimeoutMillis: PATIENCE_MS })
  client.on('error', () => {})
  try {
    await client.connect()
    return true
  } catch (error) {
    return !(error instanceof Error && 'code' in error && String(error.code).startsWith('28'))
  } finally {
    await client.end().catch(() => {})
  }
}

function passwordOf(dsn: string): string {
  return decodeURIComponent(new URL(dsn).password)
}
