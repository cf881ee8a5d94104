import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'

// As many servers do: it unmasks clients that do not wait for the greeting.
const GREETING_MS = 100

/**
 * Starts an SMTP server on a free port that counts the mails and drops them. Like the load generator it uses plain
 * sockets, because it takes its time from the same cores as what is measured.
 */
export async function startSmtp() {
  let received = 0
  const waiting = new Map<string, () => void>()
  const sockets = new Set<Socket>()
  const accepted = (addresses: string[]) => {
    received++
    for (const it of addresses) {
      waiting.get(it)?.()
      waiting.delete(it)
    }
  }
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {}).on('close', () => sockets.delete(socket))
    setTimeout(() => socket.write('220 bench ESMTP\r\n'), GREETING_MS)
    converse(socket, accepted)
  })
  const listening = server.listen(0, '127.0.0.1')
  await once(listening, 'listening')
  const { port } = listening.address() as AddressInfo
  const close = async () => {
    const closed = once(server.close(), 'close')
    for (const it of sockets) it.destroy()
    await closed
  }
  const mailTo = (address: string) => new Promise<void>((resolve) => waiting.set(address, resolve))
  return { port, mailTo, received: () => received, close }
}

const END = '\r\n.\r\n'

// Commands may come in one packet (RFC 2920), as nodemailer sends them.
function converse(socket: Socket, accepted: (addresses: string[]) => void): void {
  let text = ''
  let isMessage = false
  let addresses: string[] = []
  const handle = (part: string): string => {
    if (isMessage) {
      accepted(addresses)
      addresses = []
      isMessage = false
      return '250 OK\r\n'
    }
    const [, address] = /^RCPT TO:<([^>]*)>/i.exec(part) ?? []
    if (address !== undefined) addresses.push(address)
    isMessage = /^DATA$/i.test(part)
    return replyTo(part)
  }
  socket.setEncoding('latin1').on('data', (chunk: string) => {
    text += chunk
    let replies = ''
    for (;;) {
      const end = isMessage ? END : '\r\n'
      const at = text.indexOf(end)
      if (at === -1) break
      const part = text.slice(0, at)
      text = text.slice(at + end.length)
      replies += handle(part)
    }
    if (replies !== '') socket.write(replies)
  })
}

function replyTo(line: string): string {
  if (/^EHLO /i.test(line)) return '250-bench\r\n250-PIPELINING\r\n250 8BITMIME\r\n'
  if (/^DATA$/i.test(line)) return '354 End data with <CR><LF>.<CR><LF>\r\n'
  return /^QUIT$/i.test(line) ? '221 bye\r\n' : '250 OK\r\n'
}
