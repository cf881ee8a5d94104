import { createHash } from 'node:crypto'
import { type Html, html } from '../../lib/html.ts'
import { type EndpointReply, htmlReply } from './endpoint.ts'

const STYLE = `
:root { color-scheme: light dark; font: 15px/1.6 ui-sans-serif, system-ui, sans-serif; --line: light-dark(#e3e4e8, #33353c); --muted: light-dark(#62666f, #a2a6b0); --accent: light-dark(#4f46e5, #a5b0ff); --soft: light-dark(#eeeffd, #2a2c4a) }
body { margin: 0; background: light-dark(#fafafb, #101114); color: light-dark(#1b1d22, #f0f1f3) }
main { max-width: 72rem; margin: 0 auto; padding: 2rem 1rem }
h1 { font-size: 1.3rem; margin: 0 0 0.5rem }
h2 { font-size: 1.1rem; margin: 0 }
a { color: var(--accent) }
pre { white-space: pre-wrap; overflow-wrap: anywhere; font-size: 13px }
.muted { color: var(--muted); font-size: 13px; margin: 0 0 1rem }
.mails { display: grid; grid-template-columns: minmax(14rem, 20rem) 1fr; gap: 1.5rem; align-items: start }
@media (max-width: 48rem) { .mails { grid-template-columns: 1fr } }
.mails ul { list-style: none; margin: 0; padding: 0; max-height: 80vh; overflow: auto; border: 1px solid var(--line); border-radius: 10px }
.mails li a { display: block; padding: 0.6rem 0.9rem; border-bottom: 1px solid var(--line); color: inherit; text-decoration: none; overflow-wrap: anywhere }
.mails li a:hover, .mails li a[aria-current] { background: var(--soft) }
.mails li span { display: block; color: var(--muted); font-size: 13px }
.mails article { min-width: 0 }
iframe { width: 100%; height: 34rem; border: 1px solid var(--line); border-radius: 10px; background: #fff; resize: vertical }
form { max-width: 28rem }
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
  // The HTML of a mail, which has a policy of its own.
  "frame-src 'self'",
  // Without its script the form would put the password into a URL.
  "form-action 'none'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join('; ')

/** A page for developers, in the look of the hosted pages. */
export function devPage(title: string, body: Html): EndpointReply {
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
