import { brotliCompressSync, gzipSync } from 'node:zlib'
import { html } from '../../lib/html.ts'
import { entityTagOf, type Site, type SiteFile } from './read_site.ts'

const NAME = /<meta name="application-name" content="[^"]*">/
const TITLE = /<title>[^<]*<\/title>/

/** Writes the name of the app into the HTML of the pages, whose scripts show it. A build knows no name. */
export function namePages(site: Site, name: string): Site {
  const meta = html`<meta name="application-name" content="${name}">`.markup
  const title = html`<title>${name}</title>`.markup
  return new Map(
    [...site].map(([path, file]) => {
      const text = path.endsWith('.html') ? file.plain.toString() : ''
      const named = text.replace(NAME, () => meta).replace(TITLE, () => title)
      return [path, named === text ? file : withContent(file, Buffer.from(named))]
    }),
  )
}

function withContent(file: SiteFile, plain: Buffer): SiteFile {
  const encoded = file.encoded.map(({ coding }) => ({
    coding,
    body: coding === 'br' ? brotliCompressSync(plain) : gzipSync(plain),
  }))
  return { ...file, plain, encoded, etag: entityTagOf(plain) }
}
