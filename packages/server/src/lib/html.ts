/** Markup in which every value was escaped. Made by `html` only. */
export interface Html {
  readonly markup: string
}

type HtmlValue = string | number | Html | readonly HtmlValue[]

/** A template for HTML: text put into it is escaped, for content and quoted attributes alike. */
export function html(fixed: TemplateStringsArray, ...values: readonly HtmlValue[]): Html {
  const filled = values.map((value, at) => markupOf(value) + (fixed[at + 1] ?? ''))
  return { markup: (fixed[0] ?? '') + filled.join('') }
}

function markupOf(value: HtmlValue): string {
  if (typeof value === 'string') return escaped(value)
  if (typeof value === 'number') return String(value)
  return 'markup' in value ? value.markup : value.map(markupOf).join('')
}

const entities: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

function escaped(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => entities[character] ?? '')
}
