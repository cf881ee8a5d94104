import { z } from 'zod'
import { defineList } from '../../app/list.ts'
import { displayName } from '../../lib/display_name.ts'

export const RolePath = z.object({ role_id: z.uuid() })

const name = z
  .string()
  .regex(/^[a-z][a-z0-9_]{0,62}$/, 'must be lower_snake_case, at most 63 characters')
const description = displayName(500, 0)
const permissions = z.array(z.string().max(130)).max(500)

/** A custom role of this tenant or a system role. The app defines system roles: they have no id. */
export const Role = z
  .object({
    id: z.uuid().nullable(),
    name,
    // The app describes the system roles: the rule for names is for what clients send.
    description: z.string().max(500),
    permissions: z.array(z.string()),
    is_system: z.boolean(),
  })
  .meta({ id: 'Role' })

export const NewRole = z
  .strictObject({ name, description: description.default(''), permissions })
  .meta({ id: 'NewRole' })

export const RoleChanges = z
  .strictObject({ description: description.optional(), permissions: permissions.optional() })
  .meta({ id: 'RoleChanges' })

/** The names are unique, and in the order of their bytes everywhere. */
export const RoleList = defineList(Role, {
  table: 'tenantry.roles',
  as: 'r',
  columns: { name: 'name_key' },
  sorts: ['name'],
  q: ['name_key'],
})
