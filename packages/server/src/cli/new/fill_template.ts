/** What a template's names stand for: a text, or a list for a section. */
export interface TemplateValues {
  readonly [name: string]: string | readonly TemplateValues[]
}

/** Lines from `{{#name}}` to `{{/name}}`. */
const SECTION = /^[ \t]*\{\{#(\w+)\}\}\n([\s\S]*?)^[ \t]*\{\{\/\1\}\}\n/gm

/**
 * Fills each `{{name}}` in, and repeats the lines of a section for each item of its list, with the
 * names of the item before those around it. Throws where a name has no value.
 */
export function fillTemplate(template: string, values: TemplateValues): string {
  return template
    .replaceAll(SECTION, (_, name: string, lines: string) =>
      listOf(values, name)
        .map((item) => fillTemplate(lines, { ...values, ...item }))
        .join(''),
    )
    .replaceAll(/\{\{(\w+)\}\}/g, (_, name: string) => textOf(values, name))
}

function listOf(values: TemplateValues, name: string): readonly TemplateValues[] {
  const value = values[name]
  if (typeof value === 'object') return value
  throw new Error(`a template repeats {{#${name}}}, which has no list`)
}

function textOf(values: TemplateValues, name: string): string {
  const value = values[name]
  if (typeof value === 'string') return value
  throw new Error(`a template names {{${name}}}, which has no text`)
}
