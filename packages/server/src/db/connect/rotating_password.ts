import pg from 'pg'

const NEXT = 'password_next'
const CONNECT_TIMEOUT_MS = 5_000

/**
 * The pg client class for a DSN. While a password is being rotated, a DSN may name two: its own and
 * `?password_next=`. Each new connection then uses the one that the server accepts.
 */
export function clientFor(url: string): typeof pg.Client {
  const next = new URL(url).searchParams.get(NEXT)
  if (!next) return DsnClient
  const dsns = [plain(url), plain(url, next)]
  return class extends DsnClient {
    constructor(config?: string | pg.ClientConfig) {
      super(config)
      // The driver calls it when the server asks for the password. As an option, the password of the DSN
      // would take precedence.
      Object.assign(this, { password: () => acceptedPassword(dsns) })
    }
  }
}

// The driver also reads PGOPTIONS, which would take precedence over every setting that the server stores.
class DsnClient extends pg.Client {
  constructor(config?: string | pg.ClientConfig) {
    super(config)
    const dsn = typeof config === 'string' ? config : config?.connectionString
    const options = dsn === undefined ? null : new URL(dsn).searchParams.get('options')
    if ('connectionParameters' in this) Object.assign(this.connectionParameters ?? {}, { options })
  }
}

function plain(url: string, password?: string): string {
  const dsn = new URL(url)
  dsn.searchParams.delete(NEXT)
  if (password !== undefined) dsn.password = encodeURIComponent(password)
  return dsn.href
}

async function acceptedPassword(dsns: readonly string[]): Promise<string> {
  for (const dsn of dsns) if (await isAccepted(dsn)) return passwordOf(dsn)
  return passwordOf(dsns[0] ?? '')
}

// Only a failed authentication (class 28) rejects a password. The real connection reports other errors.
async function isAccepted(dsn: string): Promise<boolean> {
  const client = new DsnClient({
    connectionString: dsn,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
  })
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
