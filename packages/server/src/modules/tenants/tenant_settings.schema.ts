import { z } from 'zod'
import { displayName } from '../../lib/display_name.ts'
import { brandingParts } from '../../tenancy/branding.ts'

const { color, locale, notice } = brandingParts

/** What administrators set for all people of the tenant. */
export const TenantSettings = z
  .object({
    name: z.string(),
    subdomain: z.string(),
    color: z.string().nullable().meta({
      description: 'Of buttons and links, on pages and in mails. Null: the colour of the app',
    }),
    locale: z.string().nullable().meta({
      description:
        'The language of people who have not chosen one. Null: the default of the installation',
    }),
    notice: z.string().nullable().meta({ description: 'What everyone reads who signs in' }),
  })
  .meta({ id: 'TenantSettings' })

export const TenantChanges = z
  .strictObject({
    name: displayName(200).optional(),
    color: color.nullable().optional(),
    locale: locale.nullable().optional(),
    notice: notice.nullable().optional(),
  })
  .meta({ id: 'TenantChanges' })

/** What a new tenant's administrators should do first. */
export const TenantSetup = z
  .object({
    is_dismissed: z.boolean(),
    has_look: z.boolean().meta({ description: 'Whether the tenant has a logo or a colour' }),
    has_people: z
      .boolean()
      .meta({ description: 'Whether there is another member or an invitation' }),
    has_domain: z.boolean().meta({ description: 'Whether there is a custom domain' }),
  })
  .meta({ id: 'TenantSetup' })

export const TenantSetupChanges = z
  .strictObject({ is_dismissed: z.boolean() })
  .meta({ id: 'TenantSetupChanges' })

/** What a page shows before sign-in. */
export const Branding = z
  .object({
    tenant_name: z.string(),
    subdomain: z.string(),
    color: z.string().nullable().meta({ description: 'Null: the colour of the app' }),
    logo: z
      .object({
        url: z
          .string()
          .meta({ description: 'A path of this origin, which changes with the image' }),
        width: z.int(),
        height: z.int(),
      })
      .nullable(),
    notice: z.string().nullable().meta({ description: 'For everyone who signs in' }),
    locale: z.string().meta({ description: 'The language of people who have not chosen one' }),
    tenant_origin: z.string().meta({
      description: 'Where a tenant is; `{tenant}` stands for its subdomain',
    }),
    sign_in_origin: z.string().nullable().meta({
      description: 'Where people sign in who are at a custom domain. Null: here',
    }),
    app_origin: z.string().meta({ description: 'The origin of APP_HOST' }),
    identity_scope: z.enum(['global', 'tenant']).meta({
      description: 'Whether a person has one account in all tenants, or one in each',
    }),
  })
  .meta({ id: 'Branding' })
