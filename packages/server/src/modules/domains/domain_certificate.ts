import type { CommandConfig } from '../../config/config.ts'
import { type CertificateAnswer, certificateOf } from '../../lib/net/certificate.ts'
import { addressRecords } from '../../lib/net/dns_records.ts'

const LOOKUP_MS = 5_000
// A proxy that gets the certificate with the first request needs some seconds.
const HANDSHAKE_MS = 15_000
const HTTPS_PORT = 443

/**
 * The certificate that a client of a domain is shown. Asks the server that `target` leads to, and not the one that the
 * DNS of the domain names. Undefined where the installation is served without TLS.
 */
export async function domainCertificate(
  { PUBLIC_ORIGIN, DNS_SERVERS }: Pick<CommandConfig, 'PUBLIC_ORIGIN' | 'DNS_SERVERS'>,
  { name, target }: { name: string; target: string },
): Promise<CertificateAnswer | undefined> {
  const port = tlsPort(PUBLIC_ORIGIN)
  if (port === undefined) return undefined
  const answer = await addressRecords(target, { servers: DNS_SERVERS, timeoutMs: LOOKUP_MS })
  const [address] = answer.kind === 'records' ? answer.values : []
  if (address === undefined) return { kind: 'unreachable', reason: `${target} has no address` }
  return certificateOf({ address, port }, name, HANDSHAKE_MS)
}

function tlsPort(origin: string | undefined): number | undefined {
  if (origin === undefined) return undefined
  const { protocol, port } = new URL(origin.replaceAll('{tenant}', 'a'))
  if (protocol !== 'https:') return undefined
  return port === '' ? HTTPS_PORT : Number(port)
}
