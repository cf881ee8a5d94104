import { request as send } from 'node:http'
import type { Fetch } from '../src/session.ts'

/** Sends requests to a local server, whatever the host of their URL, which it gets as Host. */
export function fetchFrom(port: number): Fetch {
  return async (request) => {
    request.signal.throwIfAborted()
    const { host, pathname, search } = new URL(request.url)
    const body = Buffer.from(await request.arrayBuffer())
    const headers = { ...Object.fromEntries(request.headers), host, 'content-length': body.length }
    return new Promise((resolve, reject) => {
      const { method, signal } = request
      const path = pathname + search
      const outgoing = send({ host: '127.0.0.1', port, method, path, headers, signal })
      outgoing.on('error', reject).on('response', async (incoming) => {
        const received = Buffer.concat(await incoming.toArray())
        const pairs = Object.entries(incoming.headers).map(([name, value]) => [name, String(value)])
        const status = incoming.statusCode ?? 0
        const isEmpty = status === 204 || status === 304
        resolve(
          new Response(isEmpty ? null : received, { status, headers: Object.fromEntries(pairs) }),
        )
      })
      outgoing.end(body)
    })
  }
}

/** The same as a browser sends them: with the cookies of earlier replies, and the origin of the page. */
export function browserFrom(port: number): Fetch {
  const cookies = new Map<string, string>()
  const send = fetchFrom(port)
  return async (request) => {
    const headers = new Headers(request.headers)
    headers.set('origin', new URL(request.url).origin)
    headers.set('sec-fetch-site', 'same-origin')
    headers.set('cookie', [...cookies].map(([name, value]) => `${name}=${value}`).join('; '))
    if (cookies.size === 0) headers.delete('cookie')
    const response = await send(new Request(request, { headers }))
    for (const text of response.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(text) ?? []
      if (/max-age=0/i.test(text)) cookies.delete(name)
      else cookies.set(name, value)
    }
    return response
  }
}
