import { type Html, html } from '../lib/html.ts'
import type { OutgoingMail } from './outgoing_mail.ts'

/** A mail without its recipient. */
export type MailContent = Omit<OutgoingMail, 'to'>

export interface MailContext {
  appName: string
  tenantName: string
}

/** The mail with a reset link. The token is sent nowhere else. */
export function resetMail(context: MailContext & { link: string; minutes: number }): MailContent {
  const { appName, tenantName, link, minutes } = context
  const request = `A new password was requested for your account at ${tenantName}.`
  const instruction = `To set one, open this link within ${minutes} minutes. It works once:`
  const otherwise = 'If you did not request it, ignore this mail. Your password is unchanged.'
  return {
    subject: `Choose a new password for ${tenantName}`,
    text: lines(request, instruction, link, otherwise, appName),
    html: document(html`<p>${request}</p>
<p>${instruction}</p>
<p><a href="${link}">${link}</a></p>
<p>${otherwise}</p>
<p>${appName}</p>`),
  }
}

/** Notifies a user that the password was changed, and warns them if they did not change it. */
export function passwordChangedMail({ appName, tenantName }: MailContext): MailContent {
  const what = `The password of your account at ${tenantName} was changed, and all sessions were signed out.`
  const otherwise =
    'If you did not change it, request a new password immediately and inform your administrator.'
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
