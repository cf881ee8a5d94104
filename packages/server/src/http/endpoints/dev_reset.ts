import { html } from '../../lib/html.ts'
import { devPage } from './dev_page.ts'
import { type Endpoint, type EndpointReply, scriptReply } from './endpoint.ts'

/** The form that a reset link points to, for an app without pages of its own. Not in production. */
export function devResetEndpoints(appName: string): Endpoint[] {
  return [
    { path: '/auth/reset-password', respond: () => resetPage(appName) },
    { path: '/auth/reset-password.js', respond: () => scriptReply(RESET_SCRIPT) },
  ]
}

function resetPage(appName: string): EndpointReply {
  return devPage(
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
<script src="/auth/reset-password.js"></script>`,
  )
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
