import { createHash } from 'node:crypto'
import { isIP } from 'node:net'
import type { Config } from '../../config/config.ts'
import { notFound } from '../../lib/errors.ts'
import { type Html, html } from '../../lib/html.ts'
import { canonicalHost, matchHost } from '../../lib/net/hostname.ts'
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
 * Pages that stand in for a product's own: caught mail, and the form a reset link points to. None
 * in production.
 */
export function devMailEndpoints(config: Config, appName: string, mail: Mail): Endpoint[] {
  if (config.production) return []
  const { caught } = mail
  return [
    { path: '/reset-password', respond: () => resetPage(appName) },
    { path: '/reset-password.js', respond: () => scriptReply(RESET_SCRIPT) },
    ...(caught === undefined ? [] : [mailPage(config, caught)]),
  ]
}

/** Caught mail, newest first: JSON where it is asked for (`Accept` or `?format=json`), else HTML. */
function mailPage(config: Config, caught: () => Promise<CaughtMail[]>): Endpoint {
  return {
    path: '/dev/mail',
    async respond(request) {
      assertOwnHost(config, request)
      const items = await caught()
      return wantsJson(request) ? jsonReply({ items }) : mailListPage(items)
    },
  }
}

// A foreign name that was made to point at this machine (DNS rebinding) would read reset links.
function assertOwnHost(config: Config, { headers }: EndpointRequest): void {
  const host = canonicalHost(headers.host ?? '')
  if (host === undefined) throw notFound()
  if (isIP(host) === 0 && matchHost(host, config).kind === 'domain') throw notFound()
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
  const none = html`<p>None yet. Ask for a reset link, for one, and reload.</p>`
  return styledPage(
    'Caught mail',
    html`<p>Without SMTP_URL mail is kept here, newest first, instead of being sent. <a href="?format=json">As JSON</a></p>
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
<p id="rules">8 to 256 characters, no common password, not your name.</p>
<p><label><input id="show" type="checkbox"> Show it</label></p>
<p><button>Set the password</button></p>
</form>
<p id="answer" role="status"></p>
<noscript><p>This page needs JavaScript: the link's secret part never reaches the server otherwise.</p></noscript>
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
  // The hash is of these very bytes, so the style is the one thing that is not escaped.
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

// The token comes in the fragment, which browsers send to nobody, and goes into one request body.
// It leaves the address bar at once: history and screenshots keep what stands there.
const RESET_SCRIPT = `const at = (id) => document.getElementById(id)
const form = document.querySelector('form')
const button = document.querySelector('button')
const token = new URLSearchParams(location.hash.slice(1)).get('token')
history.replaceState(null, '', location.pathname)
// A second link opened in this tab changes the fragment and nothing else.
addEventListener('hashchange', () => location.reload())

function say(text) {
  at('answer').textContent = text
}

if (!token) {
  form.hidden = true
  say('This link is not complete. Open it from the mail again, or ask for a new one.')
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
