import type { components } from 'tenantry-client'
import { api } from '../api/client.ts'
import { suggestLocale } from '../i18n/i18n.ts'

/** What people see of the tenant. */
export type Branding = components['schemas']['Branding']

const RULES_KEY = 'tenantry.accent'
let last: Branding | undefined
let sheet: CSSStyleSheet | undefined
let stored: string | null = null
let tried: string | null | undefined

/** Shows the colour that this origin had at the last visit, before the server has said which it has now. */
export function showLastColor(): void {
  try {
    show(localStorage.getItem(RULES_KEY) ?? '')
  } catch {
    // Storage is blocked.
  }
}

/** The branding that this page has read already. */
export function lastBranding(): Branding | undefined {
  return last
}

/** Reads the branding of the tenant of this host, and shows its colour and language. */
export async function readBranding(signal?: AbortSignal): Promise<Branding> {
  const { data } = await api.GET('/api/branding', signal ? { signal } : {})
  stored = data.color
  // Without the file of the colours or of the language, the page has those of the app.
  await Promise.allSettled([recolor(), suggestLocale(data.locale)])
  last = data
  return data
}

/** Shows another colour as long as a form tries it. Undefined: that of the tenant again. */
export function tryColor(color: string | null | undefined): void {
  tried = color
  void recolor()
}

/** Recolours the pages, both themes. Without a colour they have that of the app. */
async function recolor(): Promise<void> {
  const color = shownColor()
  // Most tenants have none, and the sign-in page is small.
  const rules = color === null ? '' : (await import('./accent.ts')).accentRules(color)
  if (color !== shownColor()) return
  show(rules)
  if (tried === undefined) keep(rules)
}

const shownColor = () => (tried === undefined ? stored : tried)

function show(rules: string): void {
  // A style sheet of a script, which the content policy of the pages allows, comes after theirs.
  if (sheet === undefined) {
    sheet = new CSSStyleSheet()
    document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet]
  }
  sheet.replaceSync(rules)
}

function keep(rules: string): void {
  try {
    localStorage.setItem(RULES_KEY, rules)
  } catch {
    // Storage is blocked: the next page shows the colour once the server has said it.
  }
}
