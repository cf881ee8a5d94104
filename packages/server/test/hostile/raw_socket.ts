import { connect } from 'node:net'

/** A reply as it was sent. */
export interface RawReply {
  status: number
  headers: Record<string, string>
  text: string
  /** The parsed body; undefined where it is not JSON. */
  // biome-ignore lint/suspicious/noExplicitAny: a test reads what it expects; a wrong guess fails it.
  json: any
}

/**
 * Sends exactly these bytes, which an HTTP client would not, and reads `count` replies; fewer where the
 * server closes the connection first.
 */
export function sendRaw(port: number, bytes: string | Buffer, count = 1): Promise<RawReply[]> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes))
    const chunks: Buffer[] = []
    const finish = (replies: RawReply[]) => {
      socket.destroy()
      resolve(replies)
    }
    socket.on('data', (chunk) => {
      chunks.push(chunk)
      const replies = repliesIn(
        Buffer.concat(chunks),
        /^HEAD /.test(bytes.toString('latin1', 0, 5)),
      )
      if (replies.length >= count) finish(replies)
    })
    socket.on('end', () => finish(repliesIn(Buffer.concat(chunks))))
    socket.on('error', (error: NodeJS.ErrnoException) =>
      error.code === 'ECONNRESET' || error.code === 'EPIPE'
        ? finish(repliesIn(Buffer.concat(chunks)))
        : reject(error),
    )
  })
}

/** A request without a body, from its request line and its header lines. */
export function rawRequest(line: string, ...headers: string[]): string {
  return [line, ...headers, '', ''].join('\r\n')
}

function repliesIn(bytes: Buffer, headOnly = false): RawReply[] {
  const replies: RawReply[] = []
  for (let rest = bytes; rest.length > 0; ) {
    const end = rest.indexOf('\r\n\r\n')
    if (end < 0) break
    const [statusLine = '', ...lines] = rest.subarray(0, end).toString('latin1').split('\r\n')
    const headers = Object.fromEntries(lines.map(headerOf))
    const length = headOnly ? 0 : Number(headers['content-length'] ?? 0)
    const body = rest.subarray(end + 4, end + 4 + length)
    if (body.length < length) break
    rest = rest.subarray(end + 4 + length)
    const status = Number(statusLine.split(' ')[1])
    if (status === 100) continue
    replies.push({ status, headers, ...contentOf(body, headers['content-type']) })
  }
  return replies
}

function headerOf(line: string): [string, string] {
  const colon = line.indexOf(':')
  return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()]
}

function contentOf(body: Buffer, type = '') {
  const text = body.toString()
  return { text, json: /json/.test(type) && text !== '' ? JSON.parse(text) : undefined }
}
