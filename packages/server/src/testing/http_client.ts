import { request } from 'node:http'

/** A reply: its text, and the parsed JSON, or undefined if it is not JSON. */
export interface TestReply {
  status: number
  headers: Record<string, string>
  text: string
  // biome-ignore lint/suspicious/noExplicitAny: a test reads what it expects; a wrong guess fails it.
  json: any
}

export interface TestRequest {
  method?: string
  path: string
  headers?: Record<string, string>
  /** An object is sent as JSON, URLSearchParams as a form, a Blob with its type, a string unchanged. */
  body?: unknown
}

/** Sends one request to a local server. The caller sets the Host in `headers`. */
export async function send(port: number, options: TestRequest): Promise<TestReply> {
  const { type, payload } = await encode(options.body)
  const headers = {
    ...(type === undefined ? {} : { 'content-type': type }),
    ...(payload === undefined ? {} : { 'content-length': String(Buffer.byteLength(payload)) }),
    ...options.headers,
  }
  const method = options.method ?? 'GET'
  return new Promise((resolve, reject) => {
    const outgoing = request({ host: '127.0.0.1', port, method, path: options.path, headers })
    outgoing.on('error', reject)
    outgoing.on('response', (incoming) => {
      const chunks: Buffer[] = []
      incoming.on('error', reject)
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
      incoming.on('end', () => {
        const text = Buffer.concat(chunks).toString()
        const received = Object.fromEntries(
          Object.entries(incoming.headers).map(([name, value]) => [name, String(value)]),
        )
        resolve({
          status: incoming.statusCode ?? 0,
          headers: received,
          text,
          json: parse(text, received['content-type']),
        })
      })
    })
    outgoing.end(payload)
  })
}

async function encode(body: unknown): Promise<{ type?: string; payload?: string | Buffer }> {
  if (body === undefined) return {}
  if (body instanceof Blob) {
    return { type: body.type, payload: Buffer.from(await body.arrayBuffer()) }
  }
  if (body instanceof URLSearchParams) {
    return { type: 'application/x-www-form-urlencoded', payload: body.toString() }
  }
  if (typeof body === 'string') return { payload: body }
  return { type: 'application/json', payload: JSON.stringify(body) }
}

function parse(text: string, type = ''): unknown {
  return /json/.test(type) && text !== '' ? JSON.parse(text) : undefined
}
