import { z } from 'zod'
import type { JobKind } from '../../app/jobs/job.ts'

/** The job that checks the TXT record of a domain: check_domain.ts has its work. */
export const domainCheck = Object.freeze({
  kind: 'domains.check',
  payload: z.strictObject({ domain_id: z.uuid() }),
  priority: 0,
}) satisfies JobKind
