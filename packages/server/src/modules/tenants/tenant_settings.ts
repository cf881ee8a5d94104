import { type Kysely, sql } from 'kysely'
import type { z } from 'zod'
import type { TenantContext } from '../../app/context.ts'
import type { KernelTables } from '../../db/tables.ts'
import { notFound } from '../../lib/errors.ts'
import { brandingOf } from '../../tenancy/branding.ts'
import type {
  TenantChanges,
  TenantSettings,
  TenantSetup,
  TenantSetupChanges,
} from './tenant_settings.schema.ts'
import { mergedBranding } from './tenants.ts'

type Context = TenantContext<KernelTables>

/** The settings of the tenant, from its row: the context may be a second old. */
export async function findSettings(
  ctx: Pick<Context, 'db'>,
): Promise<z.output<typeof TenantSettings>> {
  return settingsOf(await settings(ctx.db).executeTakeFirst())
}

/** Changes settings of the tenant. The audit row names the fields and not the values. Throws 412. */
export async function updateSettings(ctx: Context, changes: z.output<typeof TenantChanges>) {
  const { name, ...branding } = changes
  ctx.requireMatch(settingsOf(await settings(ctx.db).forNoKeyUpdate().executeTakeFirst()))
  await ctx.db
    .updateTable('tenantry.tenants')
    .set({ ...(name === undefined ? {} : { name }), updated_at: sql<string>`now()` })
    .set({ branding: mergedBranding(branding) })
    .execute()
  ctx.audit({ entity_id: ctx.tenant.id, meta: { fields: Object.keys(changes) } })
  return findSettings(ctx)
}

// The app role sees no other tenant.
function settings(db: Kysely<KernelTables>) {
  return db.selectFrom('tenantry.tenants').select(['name', 'subdomain', 'branding'])
}

function settingsOf(
  row: { name: string; subdomain: string; branding: unknown } | undefined,
): z.output<typeof TenantSettings> {
  // It is being deleted.
  if (row === undefined) throw notFound()
  const { color = null, locale = null, notice = null } = brandingOf(row.branding)
  return { name: row.name, subdomain: row.subdomain, color, locale, notice }
}

/** What of the first steps the tenant has done. */
export async function findSetup({
  db,
}: Pick<Context, 'db'>): Promise<z.output<typeof TenantSetup>> {
  const row = await db
    .selectFrom('tenantry.tenants')
    .select(['branding', sql<boolean>`setup_dismissed_at is not null`.as('is_dismissed')])
    .select(({ eb, exists, selectFrom }) => [
      eb
        .or([
          exists(selectFrom('tenantry.members').select('user_id').offset(1)),
          exists(selectFrom('tenantry.invitations').select('id')),
        ])
        .as('has_people'),
      exists(selectFrom('tenantry.domains').select('id')).as('has_domain'),
    ])
    .executeTakeFirst()
  if (row === undefined) throw notFound()
  const { branding, is_dismissed, has_people, has_domain } = row
  const { color, logo } = brandingOf(branding)
  const has_look = (color ?? logo) !== undefined
  return {
    is_dismissed,
    has_look,
    has_people: Boolean(has_people),
    has_domain: Boolean(has_domain),
  }
}

/** Closes the list of first steps for all administrators of the tenant, or opens it again. */
export async function updateSetup(
  ctx: Context,
  { is_dismissed }: z.output<typeof TenantSetupChanges>,
) {
  ctx.requireMatch(await findSetup(ctx))
  const setup_dismissed_at = is_dismissed ? sql<string>`now()` : null
  await ctx.db.updateTable('tenantry.tenants').set({ setup_dismissed_at }).execute()
  ctx.audit({ entity_id: ctx.tenant.id, meta: { is_dismissed } })
  return findSetup(ctx)
}
