import { z } from 'zod'

export const MemberPath = z.object({ user_id: z.uuid() })

export const Member = z
  .object({
    id: z.uuid().meta({ description: "The user's id" }),
    email: z.string(),
    full_name: z.string(),
    is_active: z.boolean(),
    roles: z.array(z.string()),
    created_at: z.iso.datetime(),
  })
  .meta({ id: 'Member' })

export const MemberChanges = z
  .strictObject({
    is_active: z.boolean().optional(),
    roles: z.array(z.string().max(63)).max(50).optional(),
  })
  .meta({ id: 'MemberChanges' })
