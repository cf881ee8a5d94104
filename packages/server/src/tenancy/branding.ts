import { z } from 'zod'
import type { TenantBranding } from '../app/context.ts'
import { displayName } from '../lib/display_name.ts'
import { emailKey } from '../lib/email_address.ts'
import { languageTag } from '../lib/locale.ts'

/** The parts of a branding, as a person gives them. */
export const brandingParts = {
  color: z
    .string()
    .trim()
    .toLowerCase()
    .regex(/^#[0-9a-f]{6}$/, 'must be a colour such as "#0f766e"'),
  locale: languageTag,
  notice: displayName(500),
  reply_to: z
    .string()
    .max(254)
    .refine((it) => emailKey(it) !== undefined, 'must be an e-mail address'),
}

/** The column tenants.branding. */
export const Branding = z.strictObject({
  color: brandingParts.color.optional(),
  /** The image in tenant_assets: its hash in base64url, its size in pixels. */
  logo: z
    .strictObject({
      hash: z.string().regex(/^[\w-]{22}$/),
      width: z.int().positive(),
      height: z.int().positive(),
    })
    .optional(),
  locale: brandingParts.locale.optional(),
  notice: brandingParts.notice.optional(),
  reply_to: brandingParts.reply_to.optional(),
})

const NONE: TenantBranding = Object.freeze({})

/** The branding of a row. A page and a mail must work even if the row was written otherwise. */
export function brandingOf(column: unknown): TenantBranding {
  if (typeof column === 'object' && column !== null && Object.keys(column).length === 0) return NONE
  const { data } = Branding.safeParse(column)
  return data === undefined ? NONE : Object.freeze(data)
}

/** The path of a tenant's logo. */
export const LOGO_PATH = '/api/branding/logo'
