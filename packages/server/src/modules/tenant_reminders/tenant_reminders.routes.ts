import { z } from 'zod'
import { createRoutes, type Route } from '../../app/route.ts'
import { emailAddress } from '../../lib/email_address.ts'
import { languageTag } from '../../lib/locale.ts'
import { type ReminderDeps, requestReminder } from './tenant_reminders.ts'

const { post } = createRoutes<never, never, never>()

const Reminder = z
  .strictObject({
    email: emailAddress,
    locale: languageTag.optional().meta({ description: 'The language of the mail' }),
  })
  .meta({ id: 'TenantReminder' })

export function tenantReminderRoutes(deps: ReminderDeps): Route[] {
  return [
    post('/api/tenant-reminders', {
      access: 'base',
      summary: 'Get a mail with the tenants of your account',
      description: 'The answer does not tell whether the address has an account.',
      body: Reminder,
      status: 202,
      handle: (ctx, { body }) => requestReminder(deps, ctx, body),
    }),
  ]
}
