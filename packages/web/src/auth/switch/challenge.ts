const KEPT = 'tenantry.switch'

/** What a tab keeps while it is on its way: the code has to come from `from`. */
export interface Kept {
  verifier: string
  from: string
}

/** Makes a verifier, which this tab keeps, and returns its challenge (RFC 7636, 4.2). */
export async function newChallenge(from: string): Promise<string> {
  const verifier = encoded(crypto.getRandomValues(new Uint8Array(32)))
  sessionStorage.setItem(KEPT, JSON.stringify({ verifier, from } satisfies Kept))
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(verifier))
  return encoded(new Uint8Array(digest))
}

/** The verifier that this tab has kept. It can be taken once. */
export function takeVerifier(): Kept | undefined {
  const kept = sessionStorage.getItem(KEPT)
  sessionStorage.removeItem(KEPT)
  // This page has written it.
  return kept === null ? undefined : (JSON.parse(kept) as Kept)
}

function encoded(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '')
}
