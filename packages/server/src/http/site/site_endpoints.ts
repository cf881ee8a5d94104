import type { IncomingMessage } from 'node:http'
import type { Surface } from '../../config/parsers.ts'
import { ClockCache, type ClockEntry } from '../../lib/cache/clock_cache.ts'
import { notFound } from '../../lib/errors.ts'
import { qualityOf } from '../../lib/net/accept.ts'
import {
  type Endpoint,
  type EndpointReply,
  type FileReply,
  seeOther,
} from '../endpoints/endpoint.ts'
import { headersFor } from '../response/security_headers.ts'
import { createPageLocation, originOfDomain, type SitePageDeps } from './page_origin.ts'
import type { Site, SiteFile } from './read_site.ts'

/** Where `/` leads: at the host of a tenant, if there are pages for people who are signed in, and at APP_HOST. */
export interface Homes {
  tenant?: string
  base?: string
}

/** The built pages as the server offers them. */
export interface ServedSite {
  endpoints: Endpoint[]
  /** Those that have pages. */
  surfaces: readonly Surface[]
  /** Where a browser that opens `/` is sent. */
  home: Homes
}

/** Serves the pages of the surfaces that `WEB` lists, and the files that they load. */
export function serveSite(site: Site, deps: SitePageDeps): ServedSite {
  const surfaces = deps.config.WEB.filter((it) => pageOf(site, it) !== undefined)
  if (surfaces.length === 0) return { endpoints: [], surfaces, home: {} }
  return {
    surfaces,
    endpoints: [
      ...surfaces.flatMap((it) => pageEndpoints(it, site, deps)),
      ...(surfaces.includes('auth') ? [formerResetPage] : []),
      hashedFiles(site, headersFor(deps.config.PUBLIC_ORIGIN)),
      ...namedFiles(site),
    ],
    home: homesOf(surfaces),
  }
}

const homes: [Surface, string][] = [
  ['console', '/console/'],
  ['account', '/account'],
]

function homesOf(surfaces: readonly Surface[]): Homes {
  const tenant = homes.find(([surface]) => surfaces.includes(surface))?.[1]
  const base = surfaces.includes('auth') ? '/auth/sign-up' : undefined
  return { ...(tenant !== undefined && { tenant }), ...(base !== undefined && { base }) }
}

// The account may be a page of the console's script.
function pageOf(site: Site, surface: Surface): SiteFile | undefined {
  const own = site.get(`/${surface}/index.html`)
  return own ?? (surface === 'account' ? site.get('/console/index.html') : undefined)
}

// One page for every path of a surface: its script reads the path.
function pageEndpoints(surface: Surface, site: Site, deps: SitePageDeps): Endpoint[] {
  const page = pageOf(site, surface)
  if (page === undefined) return []
  const locate = createPageLocation(deps)
  const reply = fileReplies(page, pageHeaders(PAGE_POLICY))
  const respond: Endpoint['respond'] = async (request) => {
    const elsewhere = locate(request)
    const location = elsewhere instanceof Promise ? await elsewhere : elsewhere
    return location === undefined ? reply(request.headers) : seeOther(location)
  }
  const pages: Endpoint[] = [
    { path: `/${surface}`, respond },
    { path: `/${surface}/*`, respond },
  ]
  if (surface !== 'auth') return pages
  return [...pages, { path: '/auth/switch', respond: switchPage(page, respond, deps) }]
}

// The form of this page is answered with a redirect to another tenant, or to the custom domain that the address names.
// Chromium compares it with `form-action`, too.
function switchPage(
  page: SiteFile,
  respond: Endpoint['respond'],
  deps: SitePageDeps,
): Endpoint['respond'] {
  const tenants = deps.config.PUBLIC_ORIGIN.replace(/(?<=^|[/.])[^/.]*\{tenant\}[^/.:]*/, '*')
  return async (request) => {
    const name = request.query.get('domain')
    const domain = name === null ? undefined : await originOfDomain(deps, name)
    const reply = await respond(request)
    if (reply.status === 303) return reply
    const targets = `form-action 'self' ${domain ?? tenants}`
    const policy = PAGE_POLICY.replace("form-action 'self'", targets)
    return fileReplies(page, pageHeaders(policy))(request.headers)
  }
}

// Nothing is loaded from other hosts, and no text becomes a script: an injected name stays text.
const PAGE_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data: blob:",
  "connect-src 'self'",
  "font-src 'self'",
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join('; ')

function pageHeaders(policy: string): Record<string, string> {
  return { 'cache-control': 'no-store', 'content-security-policy': policy }
}

// Links of this path may still be in mailboxes, and RESET_URL may be written out with it.
const formerResetPage: Endpoint = {
  path: '/reset-password',
  respond: () => seeOther('/auth/reset-password'),
}

// The name of a file in assets/ changes with its content. A page loads a dozen of them, so these are sent as
// cheaply as Node.js can.
function hashedFiles(site: Site, constant: Record<string, string>): Endpoint {
  const replies = repliesOf(site, /^\/assets\//, 'public, max-age=31536000, immutable')
  const find = ({ headers, url = '' }: IncomingMessage) =>
    replies.get(url.split('?', 1)[0] ?? url)?.(headers)
  const ready = new Map<EndpointReply, FileReply>()
  return {
    path: '/assets/*',
    respond({ raw }) {
      const reply = find(raw)
      if (reply === undefined) throw notFound()
      return reply
    },
    file(request) {
      const reply = find(request)
      if (reply === undefined) return undefined
      const known = ready.get(reply)
      if (known !== undefined) return known
      const made = readyFile(reply, constant)
      ready.set(reply, made)
      return made
    },
  }
}

function readyFile(
  { status = 200, type, headers, body }: EndpointReply,
  constant: Record<string, string>,
): FileReply {
  const length = Buffer.isBuffer(body) ? { 'content-length': String(body.length) } : {}
  const typed = type === undefined ? {} : { 'content-type': type }
  const fields = Object.entries({ ...constant, ...typed, ...headers, ...length }).flat()
  return { status, fields, ...(Buffer.isBuffer(body) && { body }) }
}

/** All other files, such as an icon: browsers ask each time whether they have changed. */
function namedFiles(site: Site): Endpoint[] {
  return [...repliesOf(site, /^\/(?!assets\/)(?!.*\.html$)/, 'no-cache')].map(([path, reply]) => ({
    path: path as Endpoint['path'],
    respond: ({ headers }) => reply(headers),
  }))
}

type Responder = (headers: Headers) => EndpointReply
type Headers = { [name in 'accept-encoding' | 'if-none-match']?: string | string[] | undefined }

function repliesOf(site: Site, paths: RegExp, caching: string): Map<string, Responder> {
  const files = [...site].filter(([path]) => paths.test(path))
  return new Map(
    files.map(([path, file]) => [path, fileReplies(file, { 'cache-control': caching })]),
  )
}

// Made once for each coding. The entity tag names the coding too (RFC 9110, 8.8.3.3).
function fileReplies(file: SiteFile, constant: Record<string, string>): Responder {
  const { type, etag, plain, encoded } = file
  const vary = encoded.length > 0 ? { vary: 'accept-encoding' } : {}
  const common = { ...constant, ...vary }
  const unencoded = withTag({ type, body: plain, headers: { ...common, etag: `"${etag}"` } })
  const choices = encoded.map(({ coding, body }) => {
    const headers = { ...common, etag: `"${etag}-${coding}"`, 'content-encoding': coding }
    return { coding, reply: withTag({ type, body, headers }) }
  })
  return ({ 'accept-encoding': accepted = '', 'if-none-match': known = '' }) => {
    const wanted = acceptedCodings(String(accepted))
    const choice = choices.find(({ coding }) => wanted.includes(coding))
    const { full, unchanged, tag } = choice?.reply ?? unencoded
    return known !== '' && isKnown(tag, String(known)) ? unchanged : full
  }
}

type Coding = SiteFile['encoded'][number]['coding']

// A browser sends the same header with each request.
const parsedCodings = new ClockCache<ClockEntry & { codings: Coding[] }>(100)

function acceptedCodings(header: string): Coding[] {
  const parsed = parsedCodings.get(header)
  if (parsed !== undefined) return parsed.codings
  const all: Coding[] = ['br', 'gzip']
  const codings = all.filter((coding) => (qualityOf(header, coding, '*') ?? 0) > 0)
  parsedCodings.set(header, { codings, used: false })
  return codings
}

function withTag(full: EndpointReply & { headers: Record<string, string> & { etag: string } }) {
  const { 'content-encoding': _coding, ...headers } = full.headers
  const unchanged: EndpointReply = { status: 304, headers }
  return { full, unchanged, tag: full.headers.etag }
}

// RFC 9110, 13.1.2: the comparison is weak. Proxies that recode a reply make its tag weak.
function isKnown(tag: string, known: string): boolean {
  return known.split(',').some((it) => it.trim() === '*' || it.trim().replace(/^W\//, '') === tag)
}
