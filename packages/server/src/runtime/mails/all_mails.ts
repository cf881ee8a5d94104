import type { App } from '../../app/define_app.ts'
import type { MailJob } from '../../app/mails/mail_job.ts'
import type { MailTemplate } from '../../app/mails/mail_template.ts'
import { OperatorError } from '../../lib/operator_error.ts'
import { missingTexts, type TextChanges } from '../../mail/choose_texts.ts'
import type { InstallationMail } from '../../mail/installation_mail.ts'
import { type MailPreview, mailPreviews } from '../../mail/previews.ts'
import { accountDeleted } from '../../modules/account/account_deleted.mail.ts'
import { domainNotice } from '../../modules/domains/domain_notice.mail.ts'
import { addressChangeMail } from '../../modules/email_changes/address_change.mail.ts'
import { addressNoticeMail } from '../../modules/email_changes/address_notice.mail.ts'
import { addressVerificationMail } from '../../modules/email_changes/address_verification.mail.ts'
import { emailCodeMail } from '../../modules/email_codes/email_code.mail.ts'
import { invitationMail } from '../../modules/invitations/invitation.mail.ts'
import { memberAdded } from '../../modules/members/member_added.mail.ts'
import { passwordResetMail } from '../../modules/password_resets/password_reset.mail.ts'
import { newDeviceMail } from '../../modules/sessions/new_device.mail.ts'
import { signUpMail } from '../../modules/sign_ups/sign_up.mail.ts'
import { tenantReminderMail } from '../../modules/tenant_reminders/tenant_reminder.mail.ts'
import { passwordChanged } from '../../modules/users/password_changed.mail.ts'

/** The mails that the kernel's jobs send. */
const kernelMails: readonly MailJob[] = [
  passwordResetMail,
  passwordChanged,
  invitationMail,
  addressVerificationMail,
  addressChangeMail,
  addressNoticeMail,
  accountDeleted,
  emailCodeMail,
  newDeviceMail,
  domainNotice,
]

/** The mails that belong to no tenant. */
export const installationMails: readonly InstallationMail[] = [signUpMail, tenantReminderMail]

/** The mails of the kernel and of the app, which jobs send. */
export function allMailJobs({ mails = [] }: App): readonly MailJob[] {
  return [...kernelMails, ...mails]
}

/**
 * Every mail in each of its languages, with sample values. Throws an OperatorError if one cannot be rendered,
 * or if `mailTexts` names a mail or a text that does not exist.
 */
export function allMailPreviews(app: App): MailPreview[] {
  const templates = allTemplates(app)
  const changes = app.mailTexts ?? {}
  try {
    assertKnown(templates, changes)
    return mailPreviews(templates, app.name, changes)
  } catch (cause) {
    throw new OperatorError(cause instanceof Error ? cause.message : String(cause))
  }
}

/** The languages of `mailTexts` that are not used, because a text is missing: `<mail> in <language>: <texts>`. */
export function incompleteMailTexts(app: App): string[] {
  return allTemplates(app).flatMap((template) =>
    missingTexts(template, app.mailTexts ?? {}).map((it) => `${template.name} in ${it}`),
  )
}

function allTemplates(app: App): MailTemplate[] {
  // The command line sends the last one itself: its operator waits for the result.
  const jobs = [...allMailJobs(app), ...installationMails]
  return [...jobs.map((it) => it.template), memberAdded]
}

function assertKnown(templates: readonly MailTemplate[], changes: TextChanges): void {
  for (const [name, languages] of Object.entries(changes)) {
    const template = templates.find((it) => it.name === name)
    if (template === undefined) {
      const names = templates.map((it) => it.name).join(', ')
      throw new Error(`mailTexts: no mail is called "${name}"; there are: ${names}`)
    }
    const keys = Object.keys(template.texts['en'] ?? {})
    const unknown = Object.values(languages)
      .flatMap((it) => Object.keys(it))
      .filter((it) => !keys.includes(it))
    if (unknown.length > 0) {
      const known = keys.join(', ')
      throw new Error(`mailTexts: "${name}" has no text "${unknown[0]}"; it has: ${known}`)
    }
  }
}
