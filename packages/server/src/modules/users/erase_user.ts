import { sql } from 'kysely'
import { z } from 'zod'
import { createJobs } from '../../app/jobs/create_jobs.ts'
import type { KernelTables } from '../../db/tables.ts'
import type { Database } from '../../db/tenancy.ts'
import type { KernelJob } from '../../jobs/kernel_job.ts'

const { job } = createJobs<KernelTables>()

/**
 * The job that erases a person some days after they deleted their account; tenantry.request_erasure() adds one in each
 * of their tenants. Whichever runs first erases the person. A repetition, and one that a platform admin forestalled by
 * enabling the person, finds nothing to erase.
 */
export function eraseUserJob({ database }: { database: Pick<Database, 'asIdentity'> }): KernelJob {
  const erasure = job('users.erase', {
    payload: z.strictObject({ user_id: z.uuid() }),
    run: async ({ tenant }, { user_id }) => {
      // Its own transaction: the app role of the job cannot erase a user. Nothing else in the job needs to agree with it.
      await database.asIdentity({ tenant, deadline: 'background' }, (db) =>
        sql`select tenantry.erase_person(${user_id})`.execute(db),
      )
    },
  })
  // A person of suspended tenants only has no other one whose job could do it.
  return { ...erasure, isForSuspended: true }
}
