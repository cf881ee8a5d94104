import { createHash } from 'node:crypto'
import ipaddr from 'ipaddr.js'
import type { Config } from '../../config/config.ts'
import { notFound } from '../../lib/errors.ts'
import { type Html, html } from '../../lib/html.ts'
import { canonicalHost } from '../../lib/net/hostname.ts'
import type { Mail } from '../../mail/mail.ts'
import type { CaughtMail } from '../../mail/mail_folder.ts'
import {
  type Endpoint,
  type EndpointReply,
  type EndpointRequest,
  htmlReply,
  jsonReply,
  scriptReply,
} from './endpoint.ts'

/**
 * Stand-ins for a product's own pages: the caught mails, and the form that a reset link points to. Not in
 * production.
 */
export function devMailEndpoints(config: Config, appName: string, mail: Mail): Endpoint[] {
  if (config.production) return []
  const { caught } = mail
  return [
    { path: '/reset-password', respond: () => resetPage(appName) },
    { path: '/reset-password.js', respond: () => scriptReply(RESET_SCRIPT) },
    ...(caught === undefined ? [] : [mailPage(caught)]),
  ]
}

/** The caught mails, newest first, as HTML or, by `Accept` or `?format=json`, as JSON. */
function mailPage(caught: () => Promise<CaughtMail[]>): Endpoint {
  return {
    path: '/dev/mail',
    async respond(request) {
      assertLocal(request)
      const items = await caught()
      return wantsJson(request) ? jsonReply({ items }) : mailListPage(items)
    },
  }
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

function mailListPage(items: CaughtMail[]): EndpointReply {
  const mails = items.map(
    ({ to, subject, text, created_at }) => html`<article>
<h2>${subject}</h2>
<p>to <b>${to}</b>, <time datetime="${created_at}">${created_at}</time></p>
<pre>${withLinks(text)}</pre>
</article>
`,
  )
  const none = html`<p>No mail yet. Request a reset link, for example, and reload.</p>`
  return styledPage(
    'Caught mail',
    html`<p>Without SMTP_URL, mails are kept here instead of being sent. The newest is first. <a href="?format=json">As JSON</a></p>
${mails.length === 0 ? none : mails}`,
  )
}

function withLinks(text: string): Html[] {
  return text
    .split(/(https?:\/\/[^\s<>"]+)/)
    .map((part, at) => (at % 2 === 1 ? html`<a href="${part}">${part}</a>` : html`${part}`))
}

function resetPage(appName: string): EndpointReply {
  return styledPage(
    'Choose a new password',
    html`<form>
<p><label for="password">New password for ${appName}</label></p>
<p><input id="password" type="password" autocomplete="new-password" required minlength="8" maxlength="256" aria-describedby="rules"></p>
<p id="rules">8 to 256 characters. Not a common password and not your name.</p>
<p><label><input id="show" type="checkbox"> Show the password</label></p>
<p><button>Set the password</button></p>
</form>
<p id="answer" role="status"></p>
<noscript><p>This page needs JavaScript: only a script can send the secret part of the link to the server.</p></noscript>
<script src="/reset-password.js"></script>`,
  )
}

const STYLE = `
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }
body { max-width: 44rem; margin: 2rem auto; padding: 0 1rem }
article { border-top: 1px solid; padding: 0.5rem 0 }
pre { white-space: pre-wrap; overflow-wrap: anywhere }
input:not([type=checkbox]) { font: inherit; width: 100%; box-sizing: border-box; padding: 0.4rem }
button { font: inherit; padding: 0.4rem 1rem }
#answer { font-weight: bold; white-space: pre-line }
`

const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  `style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'`,
  'img-src data:',
  "connect-src 'self'",
  // Without its script the form would put the password into a URL.
  "form-action 'none'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join('; ')

function styledPage(title: string, body: Html): EndpointReply {
  // Not escaped: the policy allows the style by the hash of exactly these bytes.
  const style: Html = { markup: STYLE }
  const page = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<link rel="icon" href="data:,">
<style>${style}</style>
</head>
<body>
<main>
<h1>${title}</h1>
${body}
</main>
</body>
</html>
`
  return htmlReply(page.markup, POLICY)
}

// The token is in the fragment, which browsers do not send, and is sent only in the body of one request.
// It is removed from the address bar immediately: history and screenshots would keep it.
const RESET_SCRIPT = `const at = (id) => document.getElementById(id)
const form = document.querySelector('form')
const button = document.querySelector('button')
const token = new URLSearchParams(location.hash.slice(1)).get('token')
history.replaceState(null, '', location.pathname)
// Opening a second link in this tab changes only the fragment.
addEventListener('hashchange', () => location.reload())

function say(text) {
  at('answer').textContent = text
}

if (!token) {
  form.hidden = true
  say('This link is incomplete. Open it from the mail again, or request a new one.')
}

at('show').addEventListener('change', (event) => {
  at('password').type = event.target.checked ? 'text' : 'password'
})

async function setPassword() {
  const reply = await fetch('/api/auth/reset-password', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ token, new_password: at('password').value }),
  })
  const answer = await reply.json()
  if (reply.ok) {
    form.hidden = true
    return answer.message
  }
  const reasons = (answer.errors ?? []).map((it) => 'The password ' + it.message)
  return reasons.length > 0 ? reasons.join('\\n') : answer.detail
}

form.addEventListener('submit', async (event) => {
  event.preventDefault()
  button.disabled = true
  say(await setPassword().catch(() => 'The server cannot be reached. Try again.'))
  button.disabled = false
})
`
