/** A body whose bytes the handler gets as they were sent, such as the webhook of another service. */
export interface RawBody {
  readonly kind: 'raw'
  /** The most bytes that are read. */
  readonly max: number
  /** The media types that are accepted; any other is 415. */
  readonly types: readonly string[]
}

/** A reply that is a file. The handler returns a `FileOutput`. */
export interface FileReply {
  readonly kind: 'file'
  /** The media types that the handler may return. */
  readonly types: readonly string[]
  /** For how many seconds caches may keep it. Of public routes only: other sites may show it, too. */
  readonly maxAge?: number
}

/** A reply that leads elsewhere. The handler returns the path or the URL. */
export interface RedirectReply {
  readonly kind: 'redirect'
  /** The other origins that it may lead to: `https://pay.example.com`. `{tenant}` stands for any subdomain. */
  readonly origins: readonly string[]
}

/** A URL whose host the server itself has looked up. A redirect may lead there, whichever origin it is of. */
export class KnownUrl {
  readonly href: string

  constructor(href: string) {
    this.href = href
  }
}

/** What the handler of a file returns. */
export interface FileOutput {
  type: string
  /** The name under which a browser saves it. */
  name: string
  /** Text, bytes, or a stream of them, such as a Readable. It is read after the handler has ended. */
  body: string | Uint8Array | AsyncIterable<string | Uint8Array>
  /** In bytes, where it is known of a stream. */
  size?: number
}

/** A cookie of the app, which the route declares in `appCookies`. */
export interface AppCookie {
  name: string
  value: string
  /** In seconds; 0 removes the cookie. Without it the browser keeps it until it is closed. */
  maxAge?: number
}

/** What `withCookies` returns. */
export class ReplyWithCookies<Reply> {
  readonly reply: Reply
  readonly cookies: readonly AppCookie[]

  constructor(reply: Reply, cookies: readonly AppCookie[]) {
    this.reply = reply
    this.cookies = cookies
  }
}

/** What a handler returned, without its cookies. */
export function replyOf(result: unknown): unknown {
  return result instanceof ReplyWithCookies ? result.reply : result
}

/** A reply that also sets cookies: `return withCookies(reply, { name: 'theme', value: 'dark' })`. */
export function withCookies<Reply>(
  reply: Reply,
  ...cookies: readonly AppCookie[]
): ReplyWithCookies<Reply> {
  return new ReplyWithCookies(reply, cookies)
}

/** The bytes of a body, as they were sent: `body: raw({ max: 65_536, types: ['application/json'] })`. */
export function raw({ max, types }: Omit<RawBody, 'kind'>): RawBody {
  return Object.freeze({ kind: 'raw', max, types })
}

/** A file as the reply: `reply: file({ types: ['text/csv'] })`. */
export function file({ types, maxAge }: Omit<FileReply, 'kind'>): FileReply {
  return Object.freeze({ kind: 'file', types, ...(maxAge === undefined ? {} : { maxAge }) })
}

/** A redirect as the reply, to a path of this tenant or to one of the origins: `reply: redirect()`. */
export function redirect({ origins = [] }: { origins?: readonly string[] } = {}): RedirectReply {
  return Object.freeze({ kind: 'redirect', origins })
}
