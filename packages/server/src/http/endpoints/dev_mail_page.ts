import { type Html, html } from '../../lib/html.ts'
import { devPage } from './dev_page.ts'
import { type EndpointReply, htmlReply } from './endpoint.ts'

/** A mail of a list. */
export interface ShownMail {
  id: string
  title: string
  /** The lines below the title in the list. */
  about: readonly string[]
  from?: string | undefined
  to?: string
  text: string
  html: string
}

interface MailsPage {
  path: string
  title: string
  text: string
  /** The words where there is no mail. */
  none: string
  links: Readonly<Record<string, string>>
  mails: readonly ShownMail[]
  /** Undefined if the mail that the client asked for is gone. */
  opened: ShownMail | undefined
}

/** A list of mails beside the opened one. */
export function mailsPage({
  path,
  title,
  text,
  none,
  links,
  mails,
  opened,
}: MailsPage): EndpointReply {
  const others = Object.entries(links).map(([name, href]) => html` <a href="${href}">${name}</a>`)
  const gone = html`<p>${mails.length === 0 ? none : 'This mail is gone.'}</p>`
  const items = mails.map(
    (
      mail,
    ) => html`<li><a href="${path}?id=${mail.id}"${current(mail === opened)}>${mail.title}${mail.about.map((it) => html`<span>${it}</span>`)}</a></li>
`,
  )
  return devPage(
    title,
    html`<p class="muted">${text}${others}</p>
<div class="mails">
<nav aria-label="${title}"><ul>
${items}</ul></nav>
${opened === undefined ? gone : article(path, opened)}
</div>`,
  )
}

function current(isOpened: boolean): Html {
  return isOpened ? html` aria-current="true"` : html``
}

function article(path: string, mail: ShownMail): Html {
  const from = mail.from === undefined ? html`` : html`from <b>${mail.from}</b> `
  const to = mail.to === undefined ? html`` : html`to <b>${mail.to}</b>`
  return html`<article>
<h2>${mail.title}</h2>
<p class="muted">${from}${to}</p>
<iframe src="${path}/html?id=${mail.id}" title="HTML of the mail" sandbox="allow-popups allow-popups-to-escape-sandbox"></iframe>
<pre>${withLinks(mail.text)}</pre>
</article>`
}

function withLinks(text: string): Html[] {
  return text
    .split(/(https?:\/\/[^\s<>"]+)/)
    .map((part, at) => (at % 2 === 1 ? html`<a href="${part}">${part}</a>` : html`${part}`))
}

// The sandbox gives the mail an origin of its own, in which no script runs.
const FRAME_POLICY = [
  'sandbox allow-popups allow-popups-to-escape-sandbox',
  "default-src 'none'",
  "style-src 'unsafe-inline'",
  "img-src 'self' data: https:",
  "form-action 'none'",
  "frame-ancestors 'self'",
].join('; ')

/** The HTML of a mail, for a frame of the page above. Its links open a new tab. */
export function frameReply({ html: markup }: ShownMail): EndpointReply {
  const body = markup.replace(/<head>/i, '<head>\n<base target="_blank">')
  const reply = htmlReply(body, FRAME_POLICY)
  return { ...reply, headers: { ...reply.headers, 'x-frame-options': 'SAMEORIGIN' } }
}
