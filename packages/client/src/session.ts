/** Sends one request. */
export type Fetch = (request: Request) => Promise<Response>

/** How the client is signed in. */
export interface Session {
  /** Sends a request as the user who is signed in. */
  send(request: Request, connection: Connection): Promise<Response>
  /** What the body of a sign-in says about the session. */
  readonly signInFields: object
  /** Keeps what a sign-in returned. */
  begin(reply: SignedIn): Promise<void>
  /** The body of the sign-out. Undefined if there is none, `'none'` if no user is signed in. */
  signOutBody(): Promise<object | undefined | 'none'>
  end(): Promise<void>
}

/** How a session reaches the server itself, without being applied again. */
export interface Connection {
  origin: string
  fetch: Fetch
}

/** The reply of a sign-in. Without tokens if the session is a cookie. */
export interface SignedIn {
  access_token?: string
  refresh_token?: string
  expires_in: number
  roles: string[]
  tenant: string
}

/** The browser has the session, as a cookie that no script can read: what `session: 'cookie'` uses. */
export const cookieSession: Session = {
  send: (request, { fetch }) => fetch(request),
  signInFields: { session: 'cookie' },
  begin: async () => {},
  signOutBody: async () => undefined,
  end: async () => {},
}
