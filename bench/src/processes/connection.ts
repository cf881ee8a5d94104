import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

/** A kept-alive HTTP/1.1 connection for one request at a time. */
export interface Connection {
  /** Sends one request. Returns the status once the whole reply has arrived. */
  send(text: string): Promise<number>
  close(): void
}

/** Connects to a server on this machine. Replies must have a Content-Length. */
export async function openConnection(port: number): Promise<Connection> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true })
  await once(socket, 'connect')
  let waiting: { resolve(status: number): void; reject(error: Error): void } | undefined
  let arrived = ''
  socket.setEncoding('latin1')
  socket.on('data', (chunk: string) => {
    arrived += chunk
    const status = wholeReply(arrived)
    if (status === undefined) return
    arrived = ''
    waiting?.resolve(status)
  })
  const fail = (error: Error) => waiting?.reject(error)
  socket.on('error', fail)
  socket.on('close', () => fail(new Error('the server closed a connection that was in use')))
  return {
    send: (text) => sendOn(socket, text, (it) => (waiting = it)),
    close: () => socket.destroy(),
  }
}

function sendOn(
  socket: Socket,
  text: string,
  wait: (waiting: { resolve(status: number): void; reject(error: Error): void }) => void,
): Promise<number> {
  return new Promise((resolve, reject) => {
    wait({ resolve, reject })
    socket.write(text)
  })
}

// The status, once head and body have arrived.
function wholeReply(text: string): number | undefined {
  const headEnd = text.indexOf('\r\n\r\n')
  if (headEnd === -1) return undefined
  const status = Number(text.slice(9, 12))
  const head = text.slice(0, headEnd)
  const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1]
  if (length === undefined && status !== 204) {
    throw new Error(`a reply without Content-Length: ${head.slice(0, 200)}`)
  }
  return text.length >= headEnd + 4 + Number(length ?? 0) ? status : undefined
}
