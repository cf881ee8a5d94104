import { AppError } from '../lib/errors.ts'

/** How many requests or attempts are allowed in a window. */
export interface Quota {
  /** What is counted, such as `signin account`. Clients see it as the name of the policy. */
  name: string
  limit: number
  windowSeconds: number
}

/** 429 with the exceeded quota and the time to retry (draft-ietf-httpapi-ratelimit-headers). */
export function rateLimited(
  { name, limit, windowSeconds }: Quota,
  retryAfterSeconds: number,
): AppError {
  const wait = Math.max(1, Math.ceil(retryAfterSeconds))
  const policy = `"${name.replaceAll(' ', '-')}"`
  return new AppError('rate_limited', 'rate.limited', 'Too many requests; try again later', {
    retryAfter: wait,
    headers: {
      'ratelimit-policy': `${policy};q=${limit};w=${windowSeconds}`,
      ratelimit: `${policy};r=0;t=${wait}`,
    },
  })
}
