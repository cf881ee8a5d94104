import { isIP } from 'node:net'
import { canonicalName } from '../lib/net/hostname.ts'
import { OperatorError } from '../lib/operator_error.ts'
import { integer, list, type Setting, text } from './parsers.ts'

/** The settings of custom domains (docs/domains.md). */
export const domainSettings = {
  DOMAIN_TARGET: {
    meaning:
      "name that customers point their domains to, by a CNAME record. If unset, each tenant's subdomain",
    parse: targetName,
  },
  DOMAIN_CHECK_HOURS: {
    fallback: '24',
    meaning: 'hours between two checks of the TXT record of a verified domain',
    parse: integer(1, 168),
  },
  HELD_NAME_DAYS: {
    fallback: '90',
    meaning:
      'days for which no other tenant gets the subdomain of a deleted tenant, or a removed domain whose record is still there',
    parse: integer(0, 3650),
  },
  DNS_SERVERS: {
    meaning:
      'addresses of the DNS servers that are asked for these records, with a port if it is not 53. If unset, those of the system',
    parse: list(dnsServer),
  },
  INTERNAL_PORT: {
    meaning:
      'port of a separate listener for the reverse proxy, which says which domains get a certificate (docs/domains.md). If unset, there is none',
    parse: integer(0, 65535),
  },
  INTERNAL_HOST: {
    fallback: '127.0.0.1',
    meaning: 'address of that listener; only the reverse proxy may reach it',
    parse: text,
  },
} satisfies Record<string, Setting<unknown>>

function targetName(name: string): string {
  const canonical = canonicalName(name)
  if (canonical?.includes('.') && isIP(canonical) === 0) return canonical
  throw new OperatorError('must be a host name such as domains.example.com')
}

// As dns.Resolver#setServers reads it: 192.0.2.1, 192.0.2.1:5353, 2001:db8::1 or [2001:db8::1]:5353.
function dnsServer(given: string): string {
  const [, bracketed, plain = given, port = '53'] =
    /^(?:\[([0-9a-f:.]+)\]|([\d.]+))(?::(\d{1,5}))?$/i.exec(given) ?? []
  const kind = isIP(bracketed ?? plain)
  const isValid = bracketed === undefined ? kind !== 0 : kind === 6
  if (isValid && Number(port) >= 1 && Number(port) <= 65_535) return given
  throw new OperatorError(
    `has an invalid address "${given}"; write 192.0.2.1, 192.0.2.1:5353 or [2001:db8::1]:5353`,
  )
}
