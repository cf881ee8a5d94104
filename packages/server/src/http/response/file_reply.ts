import { Readable } from 'node:stream'
import type { FileOutput, FileReply } from '../../app/replies.ts'

// What a browser shows, and runs no script of: a PDF, an SVG or HTML could act on the origin.
const shown = new Set(['image/png', 'image/jpeg', 'image/webp'])

/** Throws if a handler returned another type than its route declares. */
export function assertFile({ types }: FileReply, given: unknown): FileOutput {
  const output = given as Partial<FileOutput> | undefined
  if (output?.type === undefined || output.body === undefined || output.name === undefined) {
    throw new Error('the handler of a file must return { type, name, body }')
  }
  if (!types.includes(output.type)) {
    throw new Error(`the route does not declare the type ${output.type}: add it to file({ types })`)
  }
  return output as FileOutput
}

/**
 * The headers of a file. It must not become script on the origin that holds the session: a browser saves
 * it, and what it shows of it is sandboxed.
 */
export function fileHeaders(
  { maxAge }: FileReply,
  { type, name, body, size }: FileOutput,
): Record<string, string> {
  const length = lengthOf(body) ?? size
  return {
    'content-type': type.startsWith('text/') ? `${type}; charset=utf-8` : type,
    'content-security-policy': "sandbox; default-src 'none'",
    'content-disposition': disposition(shown.has(type) ? 'inline' : 'attachment', name),
    ...(length === undefined ? {} : { 'content-length': String(length) }),
    ...(maxAge === undefined ? {} : publicHeaders(maxAge)),
  }
}

// Mail programs and other sites show it too.
function publicHeaders(maxAge: number): Record<string, string> {
  return {
    'cache-control': `public, max-age=${maxAge}`,
    'cross-origin-resource-policy': 'cross-origin',
  }
}

function lengthOf(body: FileOutput['body']): number | undefined {
  if (typeof body === 'string') return Buffer.byteLength(body)
  return body instanceof Uint8Array ? body.byteLength : undefined
}

// RFC 6266, with the extended value of RFC 8187. A name is not a path.
function disposition(kind: string, name: string): string {
  const base = name.toWellFormed().split(/[/\\]/).at(-1) || 'file'
  const clean = base
    .replaceAll(/[\p{Cc}\p{Bidi_Control}]/gu, '_')
    .slice(0, 200)
    .toWellFormed()
  const ascii = clean.replaceAll(/[^ -~]|["%]/g, '_')
  const extended = encodeURIComponent(clean).replaceAll(/['()*]/g, percentEncoded)
  const plain = `${kind}; filename="${ascii}"`
  return ascii === clean ? plain : `${plain}; filename*=UTF-8''${extended}`
}

// encodeURIComponent leaves these, which RFC 8187 does not allow.
function percentEncoded(character: string): string {
  return `%${character.charCodeAt(0).toString(16).toUpperCase()}`
}

/** How the stream of a file is watched while it is sent. */
export interface StreamWatch {
  /** Throws once the client may no longer read: its session or permission was revoked. */
  recheck(): Promise<void> | void
  onFault(error: unknown): void
}

/**
 * The chunks of a stream, for a client that may still read them. A fault ends the connection without the
 * end of the reply, so that the client can tell a part from the whole.
 */
export async function* watchedChunks(
  body: AsyncIterable<string | Uint8Array>,
  size: number | undefined,
  { recheck, onFault }: StreamWatch,
): AsyncGenerator<Uint8Array> {
  let sent = 0
  try {
    for await (const chunk of body) {
      await recheck()
      const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk
      sent += bytes.byteLength
      if (size !== undefined && sent > size) break
      yield bytes
    }
    if (size !== undefined && sent !== size) {
      throw new Error(`the stream of a file has not the ${size} bytes of its size`)
    }
  } catch (error) {
    onFault(error)
    throw error
  }
}

/** Releases what a stream holds that is not read. */
export function discard(body: AsyncIterable<unknown>): void {
  if (body instanceof Readable) body.destroy()
  else Promise.resolve(body[Symbol.asyncIterator]().return?.()).catch(() => {})
}
