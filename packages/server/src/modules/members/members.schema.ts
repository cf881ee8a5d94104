import { z } from 'zod'
import { currentPassword } from '../../access/sign_in_limits.ts'
import { defineList } from '../../app/list.ts'

export const OwnershipTransfer = z
  .strictObject({
    user_id: z.uuid().meta({ description: 'The member who becomes the owner' }),
    current_password: currentPassword,
  })
  .meta({ id: 'OwnershipTransfer' })

export const MemberPath = z.object({ user_id: z.uuid() })
export const RolePath = z.object({ role_id: z.uuid() })

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

export const PermissionQuery = z.object({
  permission: z
    .string()
    .max(130)
    .optional()
    .meta({ description: 'Explain this permission alone, whether the member has it or not' }),
})

/** A permission of a member, and why they have it. */
export const MemberPermission = z
  .object({
    permission: z.string(),
    allowed: z.boolean().meta({ description: 'False also while membership or user is inactive' }),
    granted_by: z.array(z.string()).meta({ description: 'The roles of the member that grant it' }),
    granting_roles: z.array(z.string()).optional().meta({
      description:
        'With `permission`, for members with `roles:read`: the roles that would grant it, the first 100',
    }),
    you_may_grant: z.boolean().optional().meta({
      description: 'With `permission`: whether you may give the member one of these roles',
    }),
  })
  .meta({ id: 'MemberPermission' })

export const MemberChanges = z
  .strictObject({
    is_active: z.boolean().optional(),
    roles: z.array(z.string().max(63)).max(50).optional(),
  })
  .meta({ id: 'MemberChanges' })

const role = z.string().regex(/^[a-z][a-z0-9_]{0,62}$/, 'must be the name of a role')

/** `q` is the beginning of an address or of a name. */
export const MemberList = defineList(Member, {
  table: 'tenantry.members',
  as: 'm',
  columns: { id: 'user_id', email: 'email_key', full_name: 'name_key' },
  sorts: ['email', 'full_name'],
  q: ['email_key', 'name_key'],
  params: {
    role: role.optional().meta({ description: 'Only members with this role' }),
    state: z.enum(['active', 'inactive']).optional(),
  },
})

/** The members who have one role. */
export const RoleMemberList = defineList(Member, {
  table: 'tenantry.members',
  as: 'm',
  columns: { id: 'user_id' },
})
