import { readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import { z } from 'zod'
import { html } from '../../lib/html.ts'
import { type Endpoint, htmlReply, scriptReply } from './endpoint.ts'

/** The API reference as a page, served by this server alone: no CDN, no fonts, no telemetry. */
export function docsEndpoints(appName: string): Endpoint[] {
  const reference = referencePath()
  return [
    { path: '/docs', respond: () => htmlReply(documentFor(appName, reference), POLICY) },
    { path: '/docs/start.js', respond: () => scriptReply(START) },
    { path: reference, respond: createReferenceReply() },
  ]
}

// The reference inserts its styles at run time, so they cannot be allowed by hash. Scripts come only from
// this server, and requests go only to it.
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'unsafe-inline'",
  "img-src 'self' data:",
  "font-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

const SETTINGS = {
  url: '/openapi.json',
  authentication: { preferredSecurityScheme: 'oauth2' },
  // Each of these would call or link to the vendor's services.
  telemetry: false,
  withDefaultFonts: false,
  hideClientButton: true,
  showDeveloperTools: 'never',
  agent: { disabled: true },
  mcp: { disabled: true },
}

const START = `Scalar.createApiReference('#docs', ${JSON.stringify(SETTINGS, null, 2)})\n`

function documentFor(appName: string, reference: string): string {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${appName} API</title>
<link rel="icon" href="data:,">
</head>
<body>
<div id="docs"></div>
<noscript>This page needs JavaScript. The OpenAPI document is at <a href="/openapi.json">/openapi.json</a>.</noscript>
<script src="${reference}"></script>
<script src="/docs/start.js"></script>
</body>
</html>
`.markup
}

const packageFolder = join(
  dirname(createRequire(import.meta.url).resolve('@scalar/fastify-api-reference')),
  '..',
)

// The version is in the path, so that browsers may cache the file forever.
function referencePath(): Endpoint['path'] {
  const manifest: unknown = JSON.parse(readFileSync(join(packageFolder, 'package.json'), 'utf8'))
  const { version } = z.object({ version: z.string() }).parse(manifest)
  return `/docs/reference-${version}.js`
}

// 3.5 MB: read at the first request, kept in memory, and sent compressed.
function createReferenceReply(): Endpoint['respond'] {
  let loading: Promise<{ plain: Buffer; zipped: Buffer }> | undefined
  return async ({ headers }) => {
    loading ??= loadReference()
    const { plain, zipped } = await loading
    const caching = {
      'cache-control': 'public, max-age=31536000, immutable',
      vary: 'accept-encoding',
    }
    return /\bgzip\b/.test(String(headers['accept-encoding']))
      ? scriptReply(zipped, { ...caching, 'content-encoding': 'gzip' })
      : scriptReply(plain, caching)
  }
}

async function loadReference() {
  const plain = await readFile(join(packageFolder, 'dist/js/standalone.js'))
  return { plain, zipped: await promisify(gzip)(plain) }
}
