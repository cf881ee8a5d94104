import { z } from 'zod'
import { currentPassword } from '../../access/sign_in_limits.ts'
import { displayName } from '../../lib/display_name.ts'
import { languageTag } from '../../lib/locale.ts'

/** The signed-in person, and their roles in this tenant. */
export const Account = z
  .object({
    id: z.uuid(),
    email: z.string(),
    email_verified: z.boolean(),
    email_verification: z
      .enum(['off', 'optional', 'required'])
      .meta({ description: 'Whether this installation verifies addresses' }),
    identity_scope: z
      .enum(['global', 'tenant'])
      .meta({ description: 'Whether a person has one account in all tenants, or one in each' }),
    full_name: z.string(),
    locale: z
      .string()
      .nullable()
      .meta({ description: 'A language tag (BCP 47); null: the default of the installation' }),
    tenant: z.string().meta({ description: "The tenant's subdomain" }),
    roles: z.array(z.string()),
  })
  .meta({ id: 'Account' })

export const AccountChanges = z
  .strictObject({
    full_name: displayName(200, 0).optional(),
    locale: languageTag.nullable().optional(),
  })
  .meta({ id: 'AccountChanges' })

/** The rules for new passwords are in access/password_rules.ts. */
export const PasswordChange = z
  .strictObject({ current_password: currentPassword, new_password: z.string().max(4096) })
  .meta({ id: 'PasswordChange' })

/** The password again, for an act that a stolen session must not be enough for. */
export const Confirmation = z
  .strictObject({ current_password: currentPassword })
  .meta({ id: 'Confirmation' })

export const AccountDeletion = z
  .object({
    tenants: z.int().meta({ description: 'How many tenants you are a member of' }),
    owned_alone: z.int().meta({
      description: 'How many of them need another owner first, because you are the only one',
    }),
    days: z.int().meta({ description: 'After how many days your data is erased' }),
  })
  .meta({ id: 'AccountDeletion' })

export const OwnTenants = z
  .object({
    items: z.array(
      z.object({
        id: z.uuid(),
        name: z.string(),
        subdomain: z.string(),
        origin: z.string(),
        home: z.string().meta({
          description: 'Where its people are led: the origin of its primary domain, or `origin`',
        }),
        domains: z.array(z.string()).meta({ description: 'The custom domains that lead there' }),
        is_current: z.boolean().meta({ description: 'Whether it is the tenant of this request' }),
      }),
    ),
  })
  .meta({ id: 'OwnTenants' })
