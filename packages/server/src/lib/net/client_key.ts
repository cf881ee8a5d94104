import ipaddr from 'ipaddr.js'

/**
 * The key that limits count a client under. An IPv6 host usually owns a whole /64, so the key is that
 * prefix. An IPv4-mapped address counts as IPv4.
 */
export function clientKey(address: string): string {
  return prefixOf(address, 32, 64)
}

/** The key of the network of a client, its /24 (IPv4) or /48 (IPv6): as much as one customer of a provider may have. */
export function networkKey(address: string): string {
  return prefixOf(address, 24, 48)
}

function prefixOf(address: string, ofIPv4: number, ofIPv6: number): string {
  if (!ipaddr.isValid(address)) return 'unknown'
  const parsed = ipaddr.process(address)
  return parsed.kind() === 'ipv4'
    ? ipaddr.IPv4.networkAddressFromCIDR(`${parsed.toString()}/${ofIPv4}`).toString()
    : ipaddr.IPv6.networkAddressFromCIDR(`${parsed.toString()}/${ofIPv6}`).toString()
}
