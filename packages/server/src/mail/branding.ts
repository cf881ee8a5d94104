import { z } from 'zod'
import { emailKey } from '../lib/email_address.ts'
import { canonicalLocale } from '../lib/locale.ts'

/** How the mails of a tenant look, and where replies go. `tenantry tenant brand` sets it. */
export const Branding = z.strictObject({
  /** An image by https; mail programs load it from there. */
  logo: z.httpUrl().startsWith('https://').max(500).optional(),
  /** The colour of buttons: `#0f766e`. */
  color: z
    .string()
    .regex(/^#[0-9a-f]{6}$/)
    .optional(),
  reply_to: z
    .string()
    .max(254)
    .refine((it) => emailKey(it) !== undefined, 'must be an e-mail address')
    .optional(),
  /** The language of people who have not chosen one. */
  locale: z
    .string()
    .refine((it) => canonicalLocale(it) === it, 'must be a language tag such as "de" or "de-AT"')
    .optional(),
})
export type Branding = z.output<typeof Branding>

/** The branding of a row. A mail must leave even if the row was written otherwise. */
export function brandingOf(column: unknown): Branding {
  return Branding.safeParse(column).data ?? {}
}
