import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { SMTPServer } from 'smtp-server'

/** Starts an SMTP server on a free port that counts the mails and drops them. */
export async function startSmtp() {
  let received = 0
  const waiting = new Map<string, () => void>()
  const server = new SMTPServer({
    authOptional: true,
    disableReverseLookup: true,
    disabledCommands: ['STARTTLS'],
    onData(stream, { envelope }, done) {
      stream.on('end', () => {
        received++
        for (const { address } of envelope.rcptTo) waiting.get(address)?.()
        done()
      })
      stream.resume()
    },
  })
  const listening = server.listen(0, '127.0.0.1')
  await once(listening, 'listening')
  const { port } = listening.address() as AddressInfo
  const close = () => new Promise<void>((resolve) => server.close(() => resolve()))
  const mailTo = (address: string) => new Promise<void>((resolve) => waiting.set(address, resolve))
  return { port, mailTo, received: () => received, close }
}
