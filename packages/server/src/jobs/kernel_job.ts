import type { Job } from '../app/jobs/job.ts'

/** A job of the kernel or of the app. Only the kernel declares what is not in `Job`. */
export interface KernelJob extends Job {
  /** It runs also where the tenant is suspended: what the kernel owes a person. */
  readonly isForSuspended?: true
}
