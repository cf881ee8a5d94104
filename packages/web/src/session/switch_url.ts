/** Where a person goes to work in another workspace: its page begins, and comes back here once. */
export function switchUrl(origin: string, here: string): string {
  return `${origin}/auth/switch?${new URLSearchParams({ from: here })}`
}
