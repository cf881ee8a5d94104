/**
 * Takes the secret of a mailed link out of the address: a fragment is not sent to a server, but stays in the
 * browser's history and in what a person copies.
 */
export function takeSecret(): Record<'token' | 'purpose' | 'id', string | undefined> {
  const given = new URLSearchParams(location.hash.slice(1))
  const token = given.get('token') ?? undefined
  if (token !== undefined) history.replaceState(null, '', location.pathname + location.search)
  const other = (name: string) => given.get(name) ?? undefined
  return { token, purpose: other('purpose'), id: other('id') }
}
