import { connect, type TLSSocket } from 'node:tls'

/** What a TLS server shows for a name. */
export type CertificateAnswer =
  | { kind: 'valid'; until: Date }
  /** A client would refuse it, or there is none. */
  | { kind: 'invalid'; reason: string }
  /** The server could not be asked. */
  | { kind: 'unreachable'; reason: string }

/** Where a TLS server listens. */
export interface TlsServer {
  address: string
  port: number
}

/**
 * Asks a server for the certificate of a name, as a browser at that name does, and sends nothing else. The address is
 * the caller's: the DNS records of the name do not choose where this connects.
 */
export function certificateOf(
  { address: host, port }: TlsServer,
  name: string,
  timeoutMs: number,
): Promise<CertificateAnswer> {
  return new Promise((resolve) => {
    // The answer is the verdict on the certificate, so a bad one must not end the handshake.
    const socket = connect({ host, port, servername: name, rejectUnauthorized: false })
    let isConnected = false
    const settle = (answer: CertificateAnswer) => {
      clearTimeout(limit)
      socket.destroy()
      resolve(answer)
    }
    const fail = (reason: string) =>
      settle({ kind: isConnected ? 'invalid' : 'unreachable', reason })
    const limit = setTimeout(() => fail('no answer'), timeoutMs)
    socket.once('connect', () => {
      isConnected = true
    })
    socket.once('secureConnect', () => settle(verdictOn(socket)))
    // A server without a certificate for the name ends the handshake.
    socket.once('error', (error: NodeJS.ErrnoException) => fail(error.code ?? error.message))
    socket.once('close', () => fail('closed'))
  })
}

function verdictOn(socket: TLSSocket): CertificateAnswer {
  if (!socket.authorized) return { kind: 'invalid', reason: String(socket.authorizationError) }
  return { kind: 'valid', until: new Date(socket.getPeerCertificate().valid_to) }
}
