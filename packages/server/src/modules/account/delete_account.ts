import { type ConfirmDeps, confirmPassword } from '../../access/credentials/confirm_password.ts'
import { assertAcceptsCredentials } from '../../access/installation_origin.ts'
import { tenantIdsOf, tenantsOwnedAlone } from '../../access/owners.ts'
import type { PersonContext, TenantContext } from '../../app/context.ts'
import type { Policy } from '../../app/policy.ts'
import type { KernelTables } from '../../db/tables.ts'
import { requestErasure } from '../users/users.ts'
import { accountDeleted } from './account_deleted.mail.ts'

/** What deleting an account needs. */
export interface DeletionDeps extends ConfirmDeps {
  policy: Policy
}

/**
 * What deleting the account would do: numbers, since pages of one tenant must not learn the names of others. Throws 403
 * on a custom domain.
 */
export async function previewDeletion(
  { config, database, policy }: DeletionDeps,
  ctx: TenantContext<KernelTables>,
) {
  assertAcceptsCredentials(ctx.tenant)
  const { id } = ctx.actor.user
  return database.asIdentity(ctx, async (db) => {
    const tenants = await tenantIdsOf(db, id)
    const owned = await tenantsOwnedAlone(db, policy, id, tenants)
    const counts = { tenants: tenants.length, owned_alone: owned.length }
    return { ...counts, days: config.ACCOUNT_DELETE_DAYS }
  })
}

/**
 * Deletes the account of the signed-in person: disables it, which ends every session in every tenant, and has it erased
 * after ACCOUNT_DELETE_DAYS. Throws 422 for the password, 403 on a custom domain, 409 for the last owner of a tenant.
 */
export async function deleteAccount(
  deps: DeletionDeps,
  ctx: PersonContext<KernelTables>,
  currentPassword: string,
): Promise<void> {
  await confirmPassword(deps, ctx, currentPassword)
  const { id } = ctx.actor.user
  await ctx.asPerson(async (db, enqueue) => {
    const days = deps.config.ACCOUNT_DELETE_DAYS
    await requestErasure(db, deps.policy, { id, days, requestId: ctx.request.id })
    await enqueue(accountDeleted, { user_id: id })
    ctx.audit({ entity_id: id, meta: { days } })
  })
}
