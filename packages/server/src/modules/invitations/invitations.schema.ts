import { z } from 'zod'
import { defineList } from '../../app/list.ts'
import { displayName } from '../../lib/display_name.ts'
import { emailAddress } from '../../lib/email_address.ts'
import { languageTag } from '../../lib/locale.ts'
import { CookieGrant, SessionGrant } from '../sessions/sign_in.schema.ts'

export const InvitationPath = z.object({ invitation_id: z.uuid() })

/** An invitation that was not accepted yet. No reply shows its link, which leaves by mail only. */
export const Invitation = z
  .object({
    id: z.uuid(),
    email: z.string(),
    full_name: z.string(),
    roles: z.array(z.string()),
    state: z.enum(['open', 'expired']),
    invited_by: z.uuid().meta({ description: "The inviter's user id" }),
    inviter_name: z
      .string()
      .nullable()
      .meta({ description: 'Null if the inviter is no member now' }),
    deliveries: z.int().meta({ description: 'How many mails were sent' }),
    created_at: z.iso.datetime(),
    delivered_at: z.iso.datetime(),
    expires_at: z.iso.datetime(),
  })
  .meta({ id: 'Invitation' })

export const NewInvitation = z
  .strictObject({
    email: emailAddress,
    roles: z.array(z.string().max(63)).max(50),
    full_name: displayName(200, 0).optional(),
    message: displayName(500, 0).optional().meta({
      description: 'A line from the inviter, which the mail quotes',
    }),
    locale: languageTag.optional().meta({ description: 'The language of the mail' }),
  })
  .meta({ id: 'NewInvitation' })

export const InvitationList = defineList(Invitation, {
  table: 'tenantry.invitations',
  as: 'i',
  params: { state: z.enum(['open', 'expired']).optional() },
})

const token = z.string().min(1).max(512)

export const InvitationToken = z.strictObject({ token }).meta({ id: 'InvitationToken' })

/** What the invited person sees before they accept. */
export const InvitationPreview = z
  .object({
    tenant_name: z.string(),
    email: z.string(),
    full_name: z.string(),
    roles: z.array(z.string()),
    inviter_name: z.string().nullable(),
    message: z.string(),
    expires_at: z.iso.datetime(),
    account: z.enum(['none', 'exists', 'unverified']).meta({
      description:
        '`exists`: the password of the account accepts; otherwise acceptance sets a password',
    }),
    is_member: z.boolean(),
  })
  .meta({ id: 'InvitationPreview' })

export const Acceptance = z
  .strictObject({
    token,
    password: z.string().min(1).max(4096),
    full_name: displayName(200, 0).optional(),
    session: z.enum(['tokens', 'cookie']).optional().meta({
      description: 'What the client gets: tokens (the default), or a cookie for a browser',
    }),
  })
  .meta({ id: 'InvitationAcceptance' })

export const Accepted = z.union([SessionGrant, CookieGrant])
