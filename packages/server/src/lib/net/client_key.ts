import ipaddr from 'ipaddr.js'

/**
 * The key that limits count a client under. An IPv6 host usually owns a whole /64, so the key is that
 * prefix. An IPv4-mapped address counts as IPv4.
 */
export function clientKey(address: string): string {
  if (!ipaddr.isValid(address)) return 'unknown'
  const parsed = ipaddr.process(address)
  if (parsed.kind() === 'ipv4') return parsed.toString()
  return ipaddr.IPv6.networkAddressFromCIDR(`${parsed.toString()}/64`).toString()
}
