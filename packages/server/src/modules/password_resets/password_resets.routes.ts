import { CREDENTIALS_BODY_BYTES } from '../../access/sign_in_limits.ts'
import { createRoutes, type Route } from '../../app/route.ts'
import { ForgottenPassword, Message, NewPassword } from './password_resets.schema.ts'
import { type ResetDeps, requestReset, resetPassword } from './password_resets.ts'

const { post } = createRoutes<never, never, never>()

const open = { access: 'public', bodyLimit: CREDENTIALS_BODY_BYTES } as const

export function passwordResetRoutes(deps: ResetDeps): Route[] {
  return [
    post('/api/auth/forgot-password', {
      ...open,
      summary: 'Request a reset link by mail',
      body: ForgottenPassword,
      reply: Message,
      errors: [403],
      handle: async (ctx, { body }) => {
        await requestReset(deps, ctx, body.email)
        return { message: 'Reset link sent' }
      },
    }),
    post('/api/auth/reset-password', {
      ...open,
      summary: 'Set a new password with a reset token',
      revokes: true,
      body: NewPassword,
      reply: Message,
      errors: [403],
      handle: async (ctx, { body }) => {
        await resetPassword(deps, ctx, body.token, body.new_password)
        return { message: 'Password successfully reset' }
      },
    }),
  ]
}
