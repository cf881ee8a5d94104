/** Markup in which every value is escaped. Only `html` creates it. */
export interface Html {
  readonly markup: string
}

type HtmlValue = string | number | Html | readonly HtmlValue[]

/** A template tag for HTML. It escapes every text for element content and for quoted attributes. */
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
