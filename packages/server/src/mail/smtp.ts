import { createTransport } from 'nodemailer'
import type { OutgoingMail } from './outgoing_mail.ts'

const CONNECT_MS = 5_000
const SILENCE_MS = 10_000

/** Greets the server and signs in, and sends nothing. Rejects where that fails. */
export async function greetSmtp(url: string): Promise<void> {
  const transport = transportTo(url)
  try {
    await transport.verify()
  } finally {
    transport.close()
  }
}

/** Sends by SMTP. The URL's query may set nodemailer's own options, such as `?requireTLS=true`. */
export function createSmtp(url: string, from: string): (mail: OutgoingMail) => Promise<void> {
  const transport = transportTo(url)
  return async ({ to, ...content }) => {
    await transport.sendMail({
      ...content,
      from,
      // An object is taken as it is; a string would be parsed, and may come out as someone else.
      to: { name: '', address: to },
      // RFC 3834: out-of-office replies are not wanted.
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
    socketTimeout: SILENCE_MS,
  })
}

// Without it, whoever is in between strips STARTTLS and reads the password.
function sendsPassword(url: string): boolean {
  const { hostname, username } = new URL(url)
  return username !== '' && !['localhost', '127.0.0.1', '[::1]'].includes(hostname)
}
