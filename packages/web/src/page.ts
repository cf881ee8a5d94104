import type { TFunction } from 'i18next'
import type { ComponentType } from 'react'
import type { IconName } from './ui/icons.tsx'

/** Who may open a page: members that hold this permission, or every member. */
export type Access = 'member' | `${string}:${string}`

/** The entry of a page in the navigation. */
export interface NavEntry {
  label: (t: TFunction<['app', 'console', 'auth']>) => string
  icon?: IconName
  /** `work`, the default, is above `administration`. */
  group?: 'work' | 'administration'
}

/** What a page's component gets. */
export interface PageProps {
  /** The values of `:names` in the path. */
  params: Readonly<Record<string, string>>
}

interface PageOptions {
  access: Access
  nav?: NavEntry
  /** Imports the file of the page, which exports `Page`: each page is a file of its own. */
  load: () => Promise<{ Page: ComponentType<PageProps> }>
}

/** A page as a value: where it is, who may open it and where its code is. */
export interface Page extends PageOptions {
  readonly path: `/${string}`
}

/**
 * Defines a page below `/console`: `/projects` is `/console/projects`. A page without `access` does not
 * compile. A page with the path of one of Tenantry's replaces it.
 */
export function page(path: `/${string}`, options: PageOptions): Page {
  return Object.freeze({ ...options, path })
}

/** The URL of a page's path. The account has a URL outside of the console. */
export function urlOf(path: string): string {
  if (path === '/account' || path.startsWith('/account/')) return path
  return path === '/' ? '/console' : `/console${path}`
}

/** May an actor with these permissions open this page? */
export function mayOpen(
  { access }: Pick<Page, 'access'>,
  permissions: ReadonlySet<string>,
): boolean {
  return access === 'member' || permissions.has(access)
}

/** Tenantry's pages and the app's, of which the later ones win. */
export function mergePages(kernel: readonly Page[], own: readonly Page[]): Page[] {
  const twice = own.find((it, at) => own.findIndex(({ path }) => path === it.path) !== at)
  if (twice !== undefined) throw new Error(`startConsole: two pages have the path "${twice.path}"`)
  const replaced = new Set(own.map(({ path }) => path))
  return [...kernel.filter(({ path }) => !replaced.has(path)), ...own]
}
