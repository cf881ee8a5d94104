import { type Html, html } from '../lib/html.ts'
import type { OutgoingMail } from './outgoing_mail.ts'

/** A mail without its recipient. */
export type MailContent = Omit<OutgoingMail, 'to'>

export interface MailContext {
  appName: string
  tenantName: string
}

/** The mail that carries a reset link. The only place its token goes to. */
export function resetMail(context: MailContext & { link: string; minutes: number }): MailContent {
  const { appName, tenantName, link, minutes } = context
  const request = `Somebody asked for a new password for your account at ${tenantName}.`
  const how = `To choose one, open this link within ${minutes} minutes; it works once:`
  const otherwise = 'If it was not you, ignore this mail: your password stays as it is.'
  return {
    subject: `Choose a new password for ${tenantName}`,
    text: lines(request, how, link, otherwise, appName),
    html: document(html`<p>${request}</p>
<p>${how}</p>
<p><a href="${link}">${link}</a></p>
<p>${otherwise}</p>
<p>${appName}</p>`),
  }
}

/** Tells somebody that their password was changed: the alarm, if it was not them. */
export function passwordChangedMail({ appName, tenantName }: MailContext): MailContent {
  const what = `The password of your account at ${tenantName} was changed, and every session ended.`
  const otherwise =
    'If it was not you, ask for a new password at once and tell the people who run your account.'
  return {
    subject: `Your password for ${tenantName} was changed`,
    text: lines(what, otherwise, appName),
    html: document(html`<p>${what}</p>
<p>${otherwise}</p>
<p>${appName}</p>`),
  }
}

function lines(...paragraphs: string[]): string {
  return `${paragraphs.join('\n\n')}\n`
}

function document(body: Html): string {
  return html`<!doctype html>
<html lang="en">
<body style="font-family: sans-serif; line-height: 1.5">
${body}
</body>
</html>
`.markup
}
