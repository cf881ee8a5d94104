import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { extname, join, relative, sep } from 'node:path'

/** A file of the built pages, in memory: there is one for each path, and no other path leads to a file. */
export interface SiteFile {
  type: string
  /** Of the content without a coding. */
  etag: string
  plain: Buffer
  /** What the build compressed, best first. */
  encoded: { coding: 'br' | 'gzip'; body: Buffer }[]
}

/** The files of the built pages by URL path, such as `/assets/index-B1x2.js`. */
export type Site = ReadonlyMap<string, SiteFile>

/**
 * Reads the built pages of these folders; a file of a later folder replaces one of an earlier folder.
 * Links, hidden files and files of an unknown type are left out.
 */
export async function readSite(folders: readonly string[]): Promise<Site> {
  const sites = await Promise.all(folders.map(readFolder))
  return new Map(sites.flat())
}

async function readFolder(folder: string): Promise<[string, SiteFile][]> {
  const found = await readdir(folder, { recursive: true, withFileTypes: true })
  const files = found.filter((it) => it.isFile())
  const names = files.map((it) => relative(folder, join(it.parentPath, it.name)))
  const present = new Set(names)
  const served = names.filter((name) => typeOf(name) !== undefined && !isHidden(name))
  return Promise.all(
    served.map(
      async (name): Promise<[string, SiteFile]> => [
        `/${name.split(sep).join('/')}`,
        await fileAt(folder, name, present),
      ],
    ),
  )
}

async function fileAt(
  folder: string,
  name: string,
  present: ReadonlySet<string>,
): Promise<SiteFile> {
  const codings = CODINGS.filter(({ suffix }) => present.has(name + suffix))
  const [plain, ...bodies] = await Promise.all([
    readFile(join(folder, name)),
    ...codings.map(({ suffix }) => readFile(join(folder, name + suffix))),
  ])
  const encoded = codings.map(({ coding }, at) => ({ coding, body: bodies[at] ?? plain }))
  return { type: typeOf(name) ?? '', etag: entityTagOf(plain), plain, encoded }
}

/** The entity tag of a content, without quotation marks. */
export function entityTagOf(content: Buffer): string {
  return createHash('sha256').update(content).digest('base64url').slice(0, 22)
}

const CODINGS = [
  { coding: 'br', suffix: '.br' },
  { coding: 'gzip', suffix: '.gz' },
] as const

function typeOf(name: string): string | undefined {
  return TYPES[extname(name).toLowerCase()]
}

function isHidden(name: string): boolean {
  return name.split(sep).some((it) => it.startsWith('.'))
}

const TYPES: Record<string, string> = {
  '.avif': 'image/avif',
  '.css': 'text/css; charset=utf-8',
  '.gif': 'image/gif',
  '.html': 'text/html; charset=utf-8',
  '.ico': 'image/x-icon',
  '.jpg': 'image/jpeg',
  '.js': 'text/javascript; charset=utf-8',
  '.json': 'application/json; charset=utf-8',
  '.png': 'image/png',
  '.svg': 'image/svg+xml',
  '.txt': 'text/plain; charset=utf-8',
  '.webmanifest': 'application/manifest+json; charset=utf-8',
  '.webp': 'image/webp',
  '.woff2': 'font/woff2',
}
