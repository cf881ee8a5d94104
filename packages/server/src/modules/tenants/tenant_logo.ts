import { createHash } from 'node:crypto'
import { type Kysely, sql } from 'kysely'
import type { PublicRowsContext, TenantBranding, TenantContext } from '../../app/context.ts'
import type { FileOutput } from '../../app/replies.ts'
import type { KernelTables } from '../../db/tables.ts'
import { AppError, notFound } from '../../lib/errors.ts'
import { type ImageInfo, imageInfo } from './image_info.ts'
import { mergedBranding, type NewBranding } from './tenants.ts'

type Context = TenantContext<KernelTables>

/** The types of images that may be a logo. SVG may not: it can hold scripts. */
export const LOGO_TYPES = [
  'image/png',
  'image/jpeg',
  'image/webp',
] as const satisfies readonly ImageInfo['type'][]
export const MAX_LOGO_BYTES = 102_400
const SIDE = { min: 16, max: 2_000 }

/** An image that may be a logo. */
export interface Logo {
  type: ImageInfo['type']
  bytes: Buffer
  /** Its part of the branding. */
  shown: NonNullable<TenantBranding['logo']>
}

/** Throws 422 for bytes that are no such image, or one that is too small or too large to show. */
export function logoOf(bytes: Buffer): Logo {
  const info = imageInfo(bytes)
  if (info === undefined) {
    throw new AppError('unprocessable', 'logo.type', 'The logo must be a PNG, a JPEG or a WebP')
  }
  const sides = [info.width, info.height]
  if (Math.min(...sides) < SIDE.min || Math.max(...sides) > SIDE.max) {
    throw new AppError(
      'unprocessable',
      'logo.size',
      `Each side of the logo must have ${SIDE.min} to ${SIDE.max} pixels`,
    )
  }
  const hash = createHash('sha256').update(bytes).digest('base64url').slice(0, 22)
  const { type, ...size } = info
  return { type, bytes, shown: { hash, ...size } }
}

/** Sets the logo of the tenant. Throws 422 for a file that cannot be one. */
export async function replaceLogo(ctx: Context, bytes: Buffer): Promise<void> {
  const logo = logoOf(bytes)
  await storeLogo(ctx.db, ctx.tenant.id, logo)
  ctx.audit({ entity_id: ctx.tenant.id, meta: { type: logo.type, bytes: bytes.length } })
}

/** Removes the logo of the tenant. Throws 404 if it has none. */
export async function deleteLogo(ctx: Context): Promise<void> {
  if (!(await removeLogo(ctx.db, ctx.tenant.id))) throw notFound()
  ctx.audit({ entity_id: ctx.tenant.id })
}

/** Stores the logo of a tenant, and names it in its branding. */
export async function storeLogo(
  db: Kysely<KernelTables>,
  tenant_id: string,
  { type, bytes, shown }: Logo,
): Promise<void> {
  const content = { media_type: type, bytes, created_at: sql<string>`now()` }
  // The row of the tenant first: two changes of one logo wait for each other there.
  await brand(db, tenant_id, { logo: shown })
  await db
    .insertInto('tenantry.tenant_assets')
    .values({ tenant_id, kind: 'logo', ...content })
    .onConflict((it) => it.columns(['tenant_id', 'kind']).doUpdateSet(content))
    .execute()
}

/** Removes the logo of a tenant. Returns whether there was one. */
export async function removeLogo(db: Kysely<KernelTables>, tenantId: string): Promise<boolean> {
  await brand(db, tenantId, { logo: null })
  const { numDeletedRows } = await db
    .deleteFrom('tenantry.tenant_assets')
    .where('tenant_id', '=', tenantId)
    .where('kind', '=', 'logo')
    .executeTakeFirst()
  return numDeletedRows > 0n
}

function brand(db: Kysely<KernelTables>, id: string, changes: Pick<NewBranding, 'logo'>) {
  return db
    .updateTable('tenantry.tenants')
    .set({ branding: mergedBranding(changes), updated_at: sql<string>`now()` })
    .where('id', '=', id)
    .execute()
}

/** The image of the tenant. Throws 404 if it has none. */
export async function sendLogo({ inTenant }: PublicRowsContext<KernelTables>): Promise<FileOutput> {
  const found = await inTenant((db) =>
    db
      .selectFrom('tenantry.tenant_assets')
      .select(['media_type', 'bytes'])
      .where('kind', '=', 'logo')
      .executeTakeFirst(),
  )
  if (found === undefined) throw notFound()
  const { media_type: type, bytes: body } = found
  return { type, name: `logo.${type.slice('image/'.length)}`, body }
}
