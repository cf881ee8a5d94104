/** Headers of every reply, including errors. A page may replace the content policy. */
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
 * These headers, and HSTS for two years (RFC 6797) if PUBLIC_ORIGIN uses HTTPS. Without includeSubDomains:
 * the kernel does not serve the other hosts of a custom domain.
 */
export function headersFor(publicOrigin: string): Record<string, string> {
  return publicOrigin.toLowerCase().startsWith('https:')
    ? { ...constantHeaders, 'strict-transport-security': 'max-age=63072000' }
    : constantHeaders
}
