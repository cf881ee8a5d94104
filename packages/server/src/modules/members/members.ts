import type { Kysely } from 'kysely'
import type { KernelTables } from '../../db/tables.ts'

export interface NewMember {
  tenant_id: string
  user_id: string
  roles: readonly string[]
}

/** Makes a user a member with these roles; the operators' door only. Adding again adds roles. */
export async function addMember(db: Kysely<KernelTables>, member: NewMember): Promise<void> {
  const { tenant_id, user_id, roles } = member
  await db
    .insertInto('tenantry.members')
    .values({ tenant_id, user_id })
    .onConflict((it) => it.doNothing())
    .execute()
  if (roles.length === 0) return
  await db
    .insertInto('tenantry.member_roles')
    .values(roles.map((role) => ({ tenant_id, user_id, role })))
    .onConflict((it) => it.doNothing())
    .execute()
}
