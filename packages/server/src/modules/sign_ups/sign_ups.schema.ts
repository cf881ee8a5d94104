import { z } from 'zod'
import { displayName } from '../../lib/display_name.ts'
import { emailAddress } from '../../lib/email_address.ts'
import { languageTag } from '../../lib/locale.ts'

export const SignUpPath = z.object({ sign_up_id: z.uuid() })

const tenant_name = displayName(200)
const subdomain = z.string().trim().toLowerCase().max(63)

export const NewSignUp = z
  .strictObject({
    email: emailAddress,
    tenant_name,
    subdomain,
    locale: languageTag
      .optional()
      .meta({ description: "The language of the mail and of the person's account" }),
    accepts_terms: z.boolean().optional().meta({ description: 'Required if there are terms' }),
  })
  .meta({ id: 'NewSignUp' })

export const StartedSignUp = z
  .object({
    sign_up_id: z.uuid(),
    expires_at: z.iso.datetime().meta({ description: 'When it can no longer be confirmed' }),
  })
  .meta({ id: 'StartedSignUp' })

const proof = {
  code: z
    .string()
    .regex(/^\d{6}$/, 'must be the 6 digits of the mail')
    .optional()
    .meta({ description: 'The code of the mail, or its token' }),
  token: z.string().min(1).max(512).optional(),
}

export const SignUpProof = z.strictObject(proof).meta({ id: 'SignUpProof' })

export const SignUpPreview = z
  .object({
    email: z.string(),
    tenant_name: z.string(),
    subdomain: z.string(),
    account: z.enum(['none', 'exists']).meta({
      description: '`exists`: the person has an account, whose name and password stay',
    }),
  })
  .meta({ id: 'SignUpPreview' })

export const SignUpConfirmation = z
  .strictObject({
    ...proof,
    full_name: displayName(200, 0).optional(),
    password: z
      .string()
      .min(1)
      .max(1024)
      .optional()
      .meta({ description: 'Of the new account. Without effect if the person has one' }),
    tenant_name: tenant_name.optional(),
    subdomain: subdomain.optional().meta({ description: 'Another one, if it was taken meanwhile' }),
  })
  .meta({ id: 'SignUpConfirmation' })

export const ConfirmedSignUp = z
  .object({
    tenant: z.object({
      id: z.uuid(),
      name: z.string(),
      subdomain: z.string(),
      origin: z.string(),
    }),
    account: z.enum(['created', 'exists']),
    receipt: z.string().nullable().meta({
      description:
        'Opens a session in the tenant, once, within ten minutes: POST /api/sign-up-receipts',
    }),
  })
  .meta({ id: 'ConfirmedSignUp' })
