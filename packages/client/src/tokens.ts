import { ApiProblem } from './api_problem.ts'
import type { Connection, Session, SignedIn } from './session.ts'

/** The tokens of a session. Any code that has them is signed in: keep them where no other code can read them. */
export interface Tokens {
  access_token: string
  refresh_token: string
  /** When the access token ends, in milliseconds since 1970. */
  expires_at: number
}

/** Where tokens are kept. `save` gets undefined when the session has ended. */
export interface TokenStore {
  load(): Promise<Tokens | undefined> | Tokens | undefined
  save(tokens: Tokens | undefined): Promise<void> | void
}

// A token that ends while the request travels would be rejected.
const EARLY_MS = 10_000

/** A session of tokens, which are renewed when they end. Without a store they are kept in memory. */
export function tokens(store: TokenStore = inMemory()): Session {
  let renewing: Promise<Tokens | undefined> | undefined
  // One for all requests that find the same token ended: a refresh token works once.
  const renew = (ended: Tokens, connection: Connection) => {
    renewing ??= renewed(store, ended, connection).finally(() => {
      renewing = undefined
    })
    return renewing
  }
  return {
    async send(request, connection) {
      const stored = await store.load()
      const isEnding = stored !== undefined && stored.expires_at - EARLY_MS < Date.now()
      const current = isEnding ? await renew(stored, connection) : stored
      const response = await connection.fetch(authorized(request.clone(), current))
      if (response.status !== 401 || current === undefined) return response
      // Rejected before its end: the server's clock or key has changed, or the session was revoked.
      const next = await renew(current, connection)
      if (next === undefined) return response
      await response.body?.cancel()
      return connection.fetch(authorized(request, next))
    },
    signInFields: {},
    async begin(reply) {
      await store.save(tokensOf(reply))
    },
    async signOutBody() {
      const stored = await store.load()
      return stored === undefined ? 'none' : { refresh_token: stored.refresh_token }
    },
    async end() {
      await store.save(undefined)
    },
  }
}

/** The next tokens. Undefined if the session has ended. Throws if the server cannot be asked. */
async function renewed(
  store: TokenStore,
  ended: Tokens,
  { origin, fetch }: Connection,
): Promise<Tokens | undefined> {
  const stored = await store.load()
  // Another process or tab has renewed them.
  if (stored?.access_token !== ended.access_token) return stored
  const response = await fetch(
    new Request(`${origin}/api/auth/refresh`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ refresh_token: ended.refresh_token }),
    }),
  )
  const body: unknown = await response.json().catch(() => undefined)
  if (response.ok) return saved(store, tokensOf(body as SignedIn))
  if (response.status !== 401) throw new ApiProblem(response, body)
  return saved(store, undefined)
}

async function saved<T extends Tokens | undefined>(store: TokenStore, next: T): Promise<T> {
  await store.save(next)
  return next
}

function tokensOf({ access_token = '', refresh_token = '', expires_in }: SignedIn): Tokens {
  return { access_token, refresh_token, expires_at: Date.now() + expires_in * 1000 }
}

function authorized(request: Request, current: Tokens | undefined): Request {
  if (current !== undefined) request.headers.set('authorization', `Bearer ${current.access_token}`)
  return request
}

function inMemory(): TokenStore {
  let kept: Tokens | undefined
  return {
    load: () => kept,
    save(next) {
      kept = next
    },
  }
}
