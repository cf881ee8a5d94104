/** What every reply carries, errors included. A page may replace its own content policy. */
export const constantHeaders = {
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
} as const

/**
 * The same, and HTTPS for two years (RFC 6797) where links are written with it. Not for what lies below:
 * a custom domain's other hosts are its owner's.
 */
export function headersFor(publicOrigin: string): Record<string, string> {
  return publicOrigin.toLowerCase().startsWith('https:')
    ? { ...constantHeaders, 'strict-transport-security': 'max-age=63072000' }
    : constantHeaders
}
