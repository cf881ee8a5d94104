import { type Kysely, sql } from 'kysely'
import type { z } from 'zod'
import { assertAcceptsCredentials } from '../../access/installation_origin.ts'
import { unauthenticated } from '../../access/unauthenticated.ts'
import type { PersonContext, TenantContext } from '../../app/context.ts'
import type { Config } from '../../config/config.ts'
import type { KernelTables } from '../../db/tables.ts'
import { updateProfile } from '../users/users.ts'
import type { Account, AccountChanges } from './account.schema.ts'

type AccountConfig = Pick<Config, 'EMAIL_VERIFICATION' | 'IDENTITY_SCOPE'>
type Context = TenantContext<KernelTables> | PersonContext<KernelTables>

/** The account of the signed-in person. */
export async function findAccount(config: AccountConfig, ctx: TenantContext<KernelTables>) {
  return accountOf(config, ctx, await profile(ctx.db, ctx.actor.user.id).executeTakeFirst())
}

/**
 * Changes the person's name and language, in all of their tenants: they belong to the person. The audit
 * row names the fields and not the values. Throws 403 on a custom domain.
 */
export async function updateAccount(
  config: AccountConfig,
  ctx: PersonContext<KernelTables>,
  { full_name, locale }: z.output<typeof AccountChanges>,
) {
  assertAcceptsCredentials(ctx.tenant)
  const given = {
    ...(full_name === undefined ? {} : { full_name }),
    ...(locale === undefined ? {} : { locale }),
  }
  return ctx.asPerson(async (db) => {
    const { id } = ctx.actor.user
    ctx.requireMatch(
      accountOf(config, ctx, await profile(db, id).forNoKeyUpdate().executeTakeFirst()),
    )
    await updateProfile(db, id, given)
    ctx.audit({ meta: { fields: Object.keys(given) } })
    return accountOf(config, ctx, await profile(db, id).executeTakeFirst())
  })
}

interface Profile {
  id: string
  email: string
  email_verified: boolean
  full_name: string
  locale: string | null
}

function profile(db: Kysely<KernelTables>, userId: string) {
  return db
    .selectFrom('tenantry.users')
    .select(['id', 'email', 'full_name', 'locale'])
    .select(sql<boolean>`email_verified_at is not null`.as('email_verified'))
    .where('id', '=', userId)
}

// Without a row the user was disabled after the session was checked.
function accountOf(
  { EMAIL_VERIFICATION: email_verification, IDENTITY_SCOPE: identity_scope }: AccountConfig,
  { tenant, actor }: Context,
  found: Profile | undefined,
): z.output<typeof Account> {
  if (found === undefined) throw unauthenticated()
  const { subdomain } = tenant
  return {
    ...found,
    email_verification,
    identity_scope,
    tenant: subdomain,
    roles: [...actor.roles],
  }
}
