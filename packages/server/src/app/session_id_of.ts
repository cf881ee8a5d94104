import type { Actor } from './context.ts'

/** The id of the actor's session. Undefined for a key or a job, which act without one. */
export function sessionIdOf({ credential }: Actor): string | undefined {
  return credential.kind === 'session' ? credential.id : undefined
}
