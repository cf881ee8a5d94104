const KEPT = 'tenantry.chosen'
// The way to the page of the workspace and back.
const VALID_MS = 60_000

/** Keeps that the person has just chosen to go to a workspace, in this tab, on the way to its page and back. */
export function keepChosen(subdomain: string): void {
  try {
    sessionStorage.setItem(KEPT, `${Date.now()} ${subdomain}`)
  } catch {
    // A browser that keeps nothing: the person is asked once more.
  }
}

/** Has the person just chosen this workspace? The answer can be taken once. */
export function takeChosen(subdomain: string): boolean {
  try {
    const [time, chosen] = sessionStorage.getItem(KEPT)?.split(' ') ?? []
    sessionStorage.removeItem(KEPT)
    return chosen === subdomain && Date.now() - Number(time) < VALID_MS
  } catch {
    return false
  }
}
