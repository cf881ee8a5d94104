const KEPT = 'tenantry.chosen'
// The way to the page of the workspace and back.
const VALID_MS = 60_000

/** Keeps that the person has just chosen to go to the host of a workspace, in this tab, on the way to its page and back. */
export function keepChosen(host: string): void {
  try {
    sessionStorage.setItem(KEPT, `${Date.now()} ${host}`)
  } catch {
    // A browser that keeps nothing: the person is asked once more.
  }
}

/** Has the person just chosen to go to this host? The answer can be taken once. */
export function takeChosen(host: string): boolean {
  try {
    const [time, chosen] = sessionStorage.getItem(KEPT)?.split(' ') ?? []
    sessionStorage.removeItem(KEPT)
    return chosen === host && Date.now() - Number(time) < VALID_MS
  } catch {
    return false
  }
}
