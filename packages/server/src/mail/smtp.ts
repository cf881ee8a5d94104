import { createTransport } from 'nodemailer'
import type { OutgoingMail } from './outgoing_mail.ts'

const CONNECT_MS = 5_000
const SOCKET_TIMEOUT_MS = 10_000

/** Connects to the server and signs in, but sends nothing. Rejects if that fails. */
export async function verifySmtp(url: string): Promise<void> {
  const transport = transportTo(url)
  try {
    await transport.verify()
  } finally {
    transport.close()
  }
}

/** Sends by SMTP. The URL's query can set options of nodemailer, such as `?requireTLS=true`. */
export function createSmtp(url: string, from: string): (mail: OutgoingMail) => Promise<void> {
  const transport = transportTo(url)
  return async ({ to, ...content }) => {
    await transport.sendMail({
      ...content,
      from,
      // nodemailer parses a string, which could yield another recipient, but not an object.
      to: { name: '', address: to },
      // RFC 3834: suppresses out-of-office replies.
      headers: { 'auto-submitted': 'auto-generated' },
      disableFileAccess: true,
      disableUrlAccess: true,
    })
  }
}

function transportTo(url: string) {
  return createTransport({
    url,
    requireTLS: sendsPassword(url),
    dnsTimeout: CONNECT_MS,
    connectionTimeout: CONNECT_MS,
    greetingTimeout: CONNECT_MS,
    socketTimeout: SOCKET_TIMEOUT_MS,
  })
}

// Without requireTLS, an attacker in between could strip STARTTLS and read the password.
function sendsPassword(url: string): boolean {
  const { hostname, username } = new URL(url)
  return username !== '' && !['localhost', '127.0.0.1', '[::1]'].includes(hostname)
}
