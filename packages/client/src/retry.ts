import { secondsUntilRetry } from './api_problem.ts'
import type { Fetch } from './session.ts'

/** How often, and for how long, the client repeats a request that the server could not take. */
export interface Retry {
  /** The default is 2. */
  times?: number
  /** A longer Retry-After ends in an error immediately. The default is 10. */
  maxWaitSeconds?: number
}

// Sending these twice has the effect of once (RFC 9110, 9.2.2).
const IDEMPOTENT = ['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE']

/** Repeats an idempotent request that gets 429 or 503 after the time in Retry-After. */
export function withRetry(fetch: Fetch, { times = 2, maxWaitSeconds = 10 }: Retry): Fetch {
  return async (request) => {
    if (!IDEMPOTENT.includes(request.method)) return fetch(request)
    for (let left = times; left > 0; left--) {
      const response = await fetch(request.clone())
      const seconds = isRejection(response) ? secondsUntilRetry(response) : undefined
      if (seconds === undefined || seconds > maxWaitSeconds) return response
      await response.body?.cancel()
      await wait(seconds * 1000, request.signal)
    }
    return fetch(request)
  }
}

function isRejection({ status }: Response): boolean {
  return status === 429 || status === 503
}

function wait(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted()
    const abort = () => {
      clearTimeout(timer)
      reject(signal.reason)
    }
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', abort)
      resolve()
    }, ms)
    signal.addEventListener('abort', abort, { once: true })
  })
}
