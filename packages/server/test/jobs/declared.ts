import { z } from 'zod'
import type { Database } from '../fixtures/app/database.ts'
import { policy } from '../fixtures/app/policy.ts'

export const { job, effect } = policy.jobs<Database>()

export const Name = z.strictObject({ name: z.string() })
