/** What a template's placeholders stand for, by name. */
export type TemplateValues = Readonly<Record<string, string>>

const PLACEHOLDER = /^([ \t]*)\{\{(\w+)\}\}\n|\{\{(\w+)\}\}/gm

/**
 * Fills each `{{name}}` in. One that has a line to itself may become several lines, each indented as
 * it is, or none.
 */
export function fillTemplate(template: string, values: TemplateValues): string {
  const lookUp = (name: string) => {
    const value = values[name]
    if (value === undefined) throw new Error(`a template names {{${name}}}, which has no value`)
    return value
  }
  return template.replaceAll(PLACEHOLDER, (_, indent: string, line?: string, word = '') =>
    line === undefined ? lookUp(word) : indented(lookUp(line), indent),
  )
}

function indented(lines: string, indent: string): string {
  return lines === '' ? '' : `${lines}\n`.replaceAll(/^(?=.)/gm, indent)
}
