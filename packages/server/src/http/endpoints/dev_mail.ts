import ipaddr from 'ipaddr.js'
import type { Config } from '../../config/config.ts'
import { notFound } from '../../lib/errors.ts'
import { canonicalHost } from '../../lib/net/hostname.ts'
import type { Mail } from '../../mail/mail.ts'
import type { CaughtMail } from '../../mail/mail_folder.ts'
import type { MailPreview } from '../../mail/previews.ts'
import { frameReply, mailsPage, type ShownMail } from './dev_mail_page.ts'
import { type Endpoint, type EndpointRequest, jsonReply } from './endpoint.ts'

/** The caught mails, and previews of all mails, outside production. */
export function devMailEndpoints(
  config: Config,
  { caught }: Mail,
  previews: readonly MailPreview[],
): Endpoint[] {
  if (config.production) return []
  const shown = previews.map(shownPreview)
  const all = mailEndpoints('/dev/mails', previewIntro, async () => shown)
  if (caught === undefined) return all
  const list = async () => (await caught()).map(shownMail)
  return [...mailEndpoints('/dev/mail', caughtIntro, list, () => jsonOf(caught)), ...all]
}

const caughtIntro = {
  title: 'Caught mail',
  text: 'Without SMTP_URL, mails are kept here instead of being sent. The newest is first.',
  none: 'No mail yet. Request a reset link, for example, and reload.',
  links: { 'As JSON': '?format=json', 'All mails with sample values': '/dev/mails' },
}

const previewIntro = {
  title: 'All mails',
  text: 'Every mail of the app in each of its languages, with sample values.',
  none: '',
  links: { 'Caught mail': '/dev/mail' },
}

/** A list with one mail opened, and the HTML of that mail for a frame. */
function mailEndpoints(
  path: `/${string}`,
  intro: typeof caughtIntro | typeof previewIntro,
  list: () => Promise<ShownMail[]>,
  json?: () => Promise<unknown>,
): Endpoint[] {
  const opened = (mails: readonly ShownMail[], { query }: EndpointRequest) =>
    query.has('id') ? mails.find((it) => it.id === query.get('id')) : mails[0]
  return [
    {
      path,
      async respond(request) {
        assertLocal(request)
        if (json !== undefined && wantsJson(request)) return jsonReply(await json())
        const mails = await list()
        return mailsPage({ path, ...intro, mails, opened: opened(mails, request) })
      },
    },
    {
      path: `${path}/html`,
      async respond(request) {
        assertLocal(request)
        const mail = opened(await list(), request)
        if (mail === undefined) throw notFound()
        return frameReply(mail)
      },
    },
  ]
}

async function jsonOf(caught: () => Promise<CaughtMail[]>) {
  const items = (await caught()).map(({ id: _id, from: _from, ...mail }) => mail)
  return { items }
}

function shownMail({ id, from, to, subject, text, html, created_at }: CaughtMail): ShownMail {
  return { id, title: subject, about: [to, created_at], from, to, text, html }
}

function shownPreview({ name, locale, subject, text, html }: MailPreview): ShownMail {
  return { id: `${name}.${locale}`, title: subject, about: [name, locale], text, html }
}

// The page shows working reset links of everyone. A page under a foreign name that points to this machine
// (DNS rebinding), another machine of the network and a client of a proxy must not read them.
function assertLocal({ headers, peer }: EndpointRequest): void {
  const isForwarded = headers.forwarded !== undefined || 'x-forwarded-for' in headers
  if (isForwarded || !isLoopbackHost(headers.host ?? '') || !isLoopbackAddress(peer)) {
    throw notFound()
  }
}

function isLoopbackHost(text: string): boolean {
  const host = canonicalHost(text) ?? ''
  const address = host.replace(/^\[|\]$/g, '')
  return host === 'localhost' || host.endsWith('.localhost') || isLoopbackAddress(address)
}

function isLoopbackAddress(address: string): boolean {
  return ipaddr.isValid(address) && ipaddr.process(address).range() === 'loopback'
}

function wantsJson({ headers, query }: EndpointRequest): boolean {
  if (query.get('format') === 'json') return true
  const accept = headers.accept ?? ''
  return accept.includes('application/json') && !accept.includes('text/html')
}
