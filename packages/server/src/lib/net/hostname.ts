import { domainToASCII, domainToUnicode } from 'node:url'

const LABEL = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/

/**
 * The canonical form of a host name; there is no other canonicaliser. Lower-case LDH labels (RFC 1123),
 * without one trailing dot, A-labels only if they are valid Punycode. Undefined for a malformed name.
 */
export function canonicalName(name: string): string | undefined {
  // Check for ASCII first: toLowerCase() turns the Kelvin sign into "k".
  const canonical = /^[\x21-\x7e]+$/.test(name) ? name.toLowerCase().replace(/\.$/, '') : ''
  if (canonical.length === 0 || canonical.length > 253) return undefined
  return canonical.split('.').every(isLabel) ? canonical : undefined
}

/**
 * Parses a Host value: a name or a bracketed IPv6 address, with an optional port. Returns the canonical
 * name without the port, or undefined for a malformed value (RFC 9112, 3.2).
 */
export function canonicalHost(host: string): string | undefined {
  const parts = /^(\[[0-9a-f:.]{2,45}\]|[a-z0-9.-]{1,254})(?::(\d{1,5}))?$/i.exec(host)
  if (parts === null) return undefined
  const [, name = '', port = '80'] = parts
  if (Number(port) > 65_535) return undefined
  return name.startsWith('[') ? canonicalIpv6(name) : canonicalName(name)
}

function isLabel(label: string): boolean {
  if (!LABEL.test(label)) return false
  // "--" in the third and fourth position is reserved (RFC 5891); only valid Punycode may use it.
  if (label.slice(2, 4) !== '--') return true
  return label.startsWith('xn--') && isPunycode(label)
}

function isPunycode(label: string): boolean {
  const unicode = domainToUnicode(label)
  return unicode !== '' && unicode !== label && domainToASCII(unicode) === label
}

function canonicalIpv6(bracketed: string): string | undefined {
  return URL.canParse(`http://${bracketed}/`) ? new URL(`http://${bracketed}/`).hostname : undefined
}

/** Whether a canonical host is the usual name or address of this machine. */
export function isLoopbackHost(host: string): boolean {
  return LOOPBACK.has(host)
}

const LOOPBACK = new Set(['localhost', '127.0.0.1', '[::1]'])
