import { createTransport } from 'nodemailer'
import type MimeNode from 'nodemailer/lib/mime-node'
import { UnrecoverableError } from '../app/jobs/job.ts'
import { mailSenderOf } from '../lib/email_address.ts'
import type { OutgoingMail } from './outgoing_mail.ts'

const CONNECT_MS = 5_000
const SOCKET_TIMEOUT_MS = 10_000
// As many as a worker runs jobs, by default.
const CONNECTIONS = 10
// Short: a process that stops waits for it, and servers limit connections.
const IDLE_MS = 1_000

/** Connects to the server and signs in, but sends nothing. Rejects if that fails. */
export async function verifySmtp(url: string): Promise<void> {
  const transport = transportTo(url)
  try {
    await transport.verify()
  } finally {
    transport.close()
  }
}

interface SmtpOptions {
  /** Mails that follow each other share connections: to open one costs more than to send a mail. */
  isShared?: boolean
  /** The message of an error. The default leaves out the text of a reply: it may be logged and stored. */
  describe?: (error: unknown) => string
}

/**
 * Sends by SMTP, and resolves with the server's reply. The URL's query can set options of nodemailer, such as
 * `?requireTLS=true`.
 */
export function createSmtp(
  url: string,
  from: string,
  { isShared = false, describe = describeFailure }: SmtpOptions = {},
): (mail: OutgoingMail, signal?: AbortSignal) => Promise<string> {
  const transport = isShared ? sharedTransportTo(url) : transportTo(url)
  transport.use('stream', composeWhole)
  const sender = mailSenderOf(from)
  const domain = /@([\w.-]+)$/.exec(sender.address)?.[1] ?? 'localhost'
  return async ({ id, fromName, to, ...content }, signal) => {
    const sent = transport.sendMail({
      ...content,
      ...(id === undefined ? {} : { messageId: `<${id}@${domain}>` }),
      // nodemailer parses a string, which could yield another address, but not an object.
      from: { name: nameOf(sender.name, fromName), address: sender.address },
      to: { name: '', address: to },
      // RFC 3834: suppresses out-of-office replies.
      headers: { 'auto-submitted': 'auto-generated' },
      disableFileAccess: true,
      disableUrlAccess: true,
      // Without it a server that answers a byte at a time keeps the connection for ever.
      ...(signal === undefined ? {} : { signal }),
    })
    const { response } = await sent.catch((error: unknown) => {
      const message = describe(error)
      throw isPermanent(error) ? new UnrecoverableError(message) : new Error(message)
    })
    return response
  }
}

// nodemailer writes a message to the socket in the parts that it is composed of, each in a packet of its own, and
// encrypted by itself: a mail of ours is small, and leaves in one.
function composeWhole({ message }: { message: MimeNode }, done: (error?: Error | null) => void) {
  message.build((error, whole) => {
    if (whole !== undefined) message.setRaw(whole)
    done(error)
  })
}

// Faults of the connection, which nodemailer or Node describe before a server says anything about a mail.
const CONNECTION_CODES = ['EDNS', 'ESOCKET', 'ECONNECTION', 'ETIMEDOUT', 'ETLS']

// What may be logged and stored. The reply of a server is text of its choice, and usually names the recipient.
function describeFailure(error: unknown): string {
  const { code, command, message, response, responseCode }: Record<string, unknown> = Object(error)
  const name = typeof code === 'string' ? code : 'unknown error'
  if (response === undefined && responseCode === undefined) {
    return CONNECTION_CODES.includes(name)
      ? `${name}: ${message}`
      : `the mail was not sent: ${name}`
  }
  const [, enhanced] = /^\d{3}[ -]([245]\.\d{1,3}\.\d{1,3})\b/.exec(String(response)) ?? []
  const reply = [responseCode, enhanced].filter((it) => it !== undefined).join(' ')
  // A name that nodemailer gives to what it was doing, such as `RCPT TO`.
  const step = typeof command === 'string' ? ` to ${command}` : ''
  return `the SMTP server replied ${reply || 'no valid code'}${step} (${name})`
}

// The tenant chose its name: "via" says who sends.
function nameOf(own: string, tenant: string | undefined): string {
  return [tenant ?? '', own].filter((it) => it !== '').join(' via ')
}

// RFC 5321, 4.2.1: the server rejects this recipient for good. Anything else may be a fault of the server or
// of SMTP_URL, which a repetition outlives.
function isPermanent(error: unknown): boolean {
  if (!(error instanceof Error && 'code' in error && 'responseCode' in error)) return false
  const status = Number(error.responseCode)
  return error.code === 'EENVELOPE' && status >= 550 && status <= 554
}

function transportTo(url: string) {
  return createTransport(optionsOf(url))
}

// A message of which a closed connection has taken nothing goes over another one. Further attempts are the job's.
function sharedTransportTo(url: string) {
  return createTransport({
    ...optionsOf(url),
    pool: true,
    maxConnections: CONNECTIONS,
    idleTimeout: IDLE_MS,
    maxRequeues: 1,
  })
}

function optionsOf(url: string) {
  return {
    url,
    requireTLS: sendsPassword(url),
    dnsTimeout: CONNECT_MS,
    connectionTimeout: CONNECT_MS,
    greetingTimeout: CONNECT_MS,
    socketTimeout: SOCKET_TIMEOUT_MS,
  }
}

// Without requireTLS, an attacker in between could strip STARTTLS and read the password.
function sendsPassword(url: string): boolean {
  const { hostname, username } = new URL(url)
  return username !== '' && !['localhost', '127.0.0.1', '[::1]'].includes(hostname)
}
