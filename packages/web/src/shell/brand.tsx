import type { ComponentType } from 'react'

/** The name and the mark of the product. */
export interface Brand {
  name: string
  /** A small square mark. Default: the first letter of the name. */
  Mark?: ComponentType
}

/** The brand where the pages give none: the name of the app, which the server writes into the HTML. */
export function defaultBrand(): Brand {
  const name = document.querySelector('meta[name="application-name"]')?.getAttribute('content')
  return { name: name || 'Tenantry' }
}

/** The mark of the product, or its first letter. */
export function BrandMark({ brand: { name, Mark } }: { brand: Brand }) {
  if (Mark !== undefined) return <Mark />
  return (
    <span
      aria-hidden="true"
      className="grid size-8 shrink-0 place-items-center rounded-lg bg-accent text-base font-semibold text-on-accent shadow-[inset_0_1px_0_oklch(1_0_0/0.18)]"
    >
      {name.charAt(0)}
    </span>
  )
}

/** Shows the first letter of the product on the tab, in the colours of the mark. */
export function showIcon({ name }: Brand): void {
  const { color, background } = colours()
  const letter = name.charAt(0).replaceAll(/[&<]/g, (it) => `&#${it.charCodeAt(0)};`)
  const svg =
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">' +
    `<rect width="32" height="32" rx="8" fill="${background}"/>` +
    `<text x="16" y="22.5" fill="${color}" font-family="system-ui,sans-serif" font-size="19" ` +
    `font-weight="600" text-anchor="middle">${letter}</text></svg>`
  const link = document.querySelector('link[rel="icon"]')
  link?.setAttribute('href', `data:image/svg+xml,${encodeURIComponent(svg)}`)
}

function colours() {
  const style = getComputedStyle(document.documentElement)
  const value = (name: string) => style.getPropertyValue(name).trim()
  return { color: value('--on-accent') || '#fff', background: value('--accent') || '#4f46e5' }
}
