import { randomUUID } from 'node:crypto'

/** Identifies a request in its reply, its log line, its audit rows and its errors. */
export const newRequestId: () => string = randomUUID

/** The id that a trusted proxy gave the request, if it is safe to log. */
export function acceptableRequestId(given: unknown): string | undefined {
  return typeof given === 'string' && /^[\w-]{8,64}$/.test(given) ? given : undefined
}
