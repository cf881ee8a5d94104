import ipaddr from 'ipaddr.js'

/** One subject per client: IPv6 hosts own a /64, so that is what is counted (v4-mapped is IPv4). */
export function clientKey(address: string): string {
  if (!ipaddr.isValid(address)) return 'unknown'
  const parsed = ipaddr.process(address)
  if (parsed.kind() === 'ipv4') return parsed.toString()
  return ipaddr.IPv6.networkAddressFromCIDR(`${parsed.toString()}/64`).toString()
}
