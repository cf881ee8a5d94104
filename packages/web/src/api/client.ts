import { type Client, cookieSession, createClient, type paths, type Session } from 'tenantry-client'
import { Unanswered } from './problem.ts'

let reopenSession: (() => Promise<void>) | undefined

/** Sets what is done when the session has ended: it resolves once there is a new one. */
export function onSessionEnd(reopen: () => Promise<void>): void {
  reopenSession = reopen
}

/** When the session has ended, the person signs in in a dialog, and the request is sent again. */
const session: Session = {
  ...cookieSession,
  async send(request, { fetch }) {
    if (reopenSession === undefined) return fetch(request)
    // Its body can be read once.
    const again = request.clone()
    const reply = await fetch(request)
    if (reply.status !== 401) return reply
    await reopenSession()
    return fetch(again)
  },
}

/** The API of this origin, with the operations that every app has. Failures are ApiProblem or Unanswered. */
export const api: Client<paths> = createClient({ session, fetch: fetchOrReport })

async function fetchOrReport(request: Request): Promise<Response> {
  try {
    return await fetch(request)
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error
    throw new Unanswered()
  }
}
