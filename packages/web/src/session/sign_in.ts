import { ApiProblem } from 'tenantry-client'
import { api } from '../api/client.ts'

interface Credentials {
  email: string
  password: string
  /** The code that verifies the address, where one was mailed. */
  email_code?: string
}

/**
 * Opens a session, which the browser keeps in a cookie that no script can read. Returns false if a code was mailed
 * that has to be sent along.
 */
export async function signIn(credentials: Credentials): Promise<boolean> {
  try {
    await api.signIn(credentials)
    return true
  } catch (error) {
    if (error instanceof ApiProblem && error.code === 'email.unverified') return false
    throw error
  }
}

/** Ends the session and leaves the page, whatever is left in its memory. */
export async function signOut(): Promise<void> {
  await api.signOut()
  location.replace('/auth/sign-in?reason=signed-out')
}

/** Leaves for the sign-in page, which leads back here. */
export function leaveForSignIn(): void {
  const here = location.pathname + location.search
  location.replace(`/auth/sign-in?next=${encodeURIComponent(here)}`)
}

/**
 * Where to go after signing in: a path of this origin, or the console. `//host`, `/\host` and what a
 * browser makes of tabs in a URL lead to another host, so the parsed URL decides.
 */
export function safeNext(next: string | null): string {
  const home = '/console'
  if (next === null || !/^\/(?![/\\])/.test(next)) return home
  const { origin, pathname, search, hash } = new URL(next, location.origin)
  if (origin !== location.origin || pathname.startsWith('//')) return home
  return pathname + search + hash
}
