import { AppError } from '../lib/errors.ts'

/** How often something may be done in a window. */
export interface Quota {
  /** What is counted, such as `signin account`: the policy's name to clients. */
  name: string
  limit: number
  windowSeconds: number
}

/** 429, with what was exceeded and when to come back (draft-ietf-httpapi-ratelimit-headers). */
export function rateLimited({ name, limit, windowSeconds }: Quota, seconds: number): AppError {
  const wait = Math.max(1, Math.ceil(seconds))
  const policy = `"${name.replaceAll(' ', '-')}"`
  return new AppError('rate_limited', 'rate.limited', 'Too many requests; try again later', {
    retryAfter: wait,
    headers: {
      'ratelimit-policy': `${policy};q=${limit};w=${windowSeconds}`,
      ratelimit: `${policy};r=0;t=${wait}`,
    },
  })
}
