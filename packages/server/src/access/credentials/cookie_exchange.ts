import type { PublicContext } from '../../app/context.ts'
import type { AccessClaims } from '../tokens.ts'

/** What a public route that opens, ends or compares sessions knows of the client's, and does with its cookie. */
export interface CookieExchange {
  /** The session that the request's valid cookie names. */
  readonly carried: AccessClaims | undefined
  /** What the request's valid credentials name, a bearer token or the cookie. The session may have ended. */
  readonly person: AccessClaims | undefined
  /** Did the request send a session cookie, valid or not? */
  readonly isSent: boolean
  /**
   * Call it before a session is opened for a cookie. Throws 422 if cookie sessions are switched off, 400
   * where a browser would not keep the cookie, 403 for a request of another origin's page.
   */
  assertMayOpen(): void
  /** The verifier of a hand-over that this browser has begun. Undefined if there is none, or two. */
  readonly verifier: string | undefined
  /** Lets the browser keep the verifier of a hand-over, for so many seconds. No script can read it. */
  keepVerifier(value: string, maxAge: number): void
  /** Gives the browser a cookie with this token, for so many seconds. */
  set(token: string, maxAge: number): void
  /** Removes the cookie, and what the browser has stored for this origin. */
  clear(): void
}

/** The context of a route that opens or ends sessions. */
export type CookieContext = PublicContext & { cookies: CookieExchange }
