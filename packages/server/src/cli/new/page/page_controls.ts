import type { Field } from '../fields/fields.ts'
import type { TemplateValues } from '../fill_template.ts'
import type { Names } from '../names.ts'
import type { Nesting } from '../nesting.ts'
import type { PageReference } from './page_references.ts'

/** How a field's control holds a value: at first, from what was read, and for the API. */
interface Control {
  /** The type of its input; of a longer text none. */
  input?: string
  area?: true
  /** The type of what it holds. */
  held: string
  blank: string
  value(read: string): string
  body(held: string): string
  /** How the list shows it. */
  cell(read: string): string
}

const same = (it: string) => it
const text: Control = {
  input: 'text',
  held: 'string',
  blank: "''",
  value: same,
  body: same,
  cell: (read) => `String(${read})`,
}

const controls: Record<string, Control> = {
  longtext: { ...text, area: true },
  integer: {
    ...text,
    input: 'number',
    value: (read) => `String(${read})`,
    // Number('') is 0. This is NaN, which JSON has as null, and the reply's fault is shown at the field.
    body: (held) => `Number.parseInt(${held}, 10)`,
  },
  boolean: { ...text, held: 'boolean', blank: 'false' },
  date: { ...text, input: 'date' },
  // The control has no time zone: it shows UTC, as the API has it.
  timestamp: {
    ...text,
    input: 'datetime-local',
    value: (read) => `${read}.slice(0, 16)`,
    body: (held) => `\`\${${held}}:00Z\``,
  },
  jsonb: {
    ...text,
    area: true,
    blank: "'{}'",
    value: (read) => `JSON.stringify(${read}, null, 2)`,
    body: (held) => `jsonOf(${held})`,
    cell: (read) => `JSON.stringify(${read})`,
  },
}

/** What the template of a page needs to know of each field. */
export function pageValues(
  fields: readonly Field[],
  names: Names,
  references: readonly PageReference[],
  nesting?: Nesting,
): TemplateValues {
  const filled = fields.map((field) => {
    const reference = references.find(({ table }) => table === field.references)
    return reference === undefined
      ? controlValues(field, names)
      : choiceValues(controlValues(field, names), field, reference)
  })
  const some = (...kinds: ('input' | 'area' | 'checkbox' | 'select' | 'choice')[]) =>
    filled.some((it) => kinds.some((kind) => (it[kind]?.length ?? 0) > 0)) ? [{}] : []
  const parent = references.find(({ table }) => table === nesting?.table)
  const choices = some('choice')
  return {
    itemParam: `{${names.singular}_id}`,
    listPath: (nesting?.path ?? names.path).replaceAll(/:(\w+)/g, '{$1}'),
    parentPage: pagePathOf(parent?.list ?? ''),
    parentReference: parent?.identifier ?? '',
    controls: filled,
    inputs: some('input'),
    areas: some('area'),
    booleans: some('checkbox'),
    selects: some('select'),
    choices,
    named: parent === undefined ? choices : [{}],
    constants: references.map((it) => ({ ...it, search: String(it.search) })),
    imported: references.length > 0 ? 'reference, ' : '',
    json: fields.some(({ kind }) => kind === 'jsonb') ? [{}] : [],
  }
}

/** `/projects` of `/api/projects`. */
export function pagePathOf(path: string): string {
  return path.replace('/api', '')
}

function controlValues(field: Field, { one, One }: Names): TemplateValues {
  const { name, kind, nullable } = field
  const control = nullable ? nullableControl(field) : (controls[kind] ?? text)
  const options = optionsOf(field)
  const isChoice = options.length > 0
  const isText = !isChoice && kind !== 'boolean'
  return {
    name,
    held: heldOf(field, One, control),
    blank: isChoice && !nullable ? `'${options[0]}'` : control.blank,
    value: control.value(`${one}.${name}`),
    body: control.body(`values.${name}`),
    cell: control.cell(`it.${name}`),
    input: isText && !control.area ? [{ input: control.input ?? 'text' }] : [],
    area: isText && control.area ? [{}] : [],
    checkbox: kind === 'boolean' && !nullable ? [{}] : [],
    choice: [],
    select: isChoice ? [{ options: options.map((option) => ({ option })) }] : [],
  }
}

function choiceValues(
  values: TemplateValues,
  { name, nullable }: Field,
  { identifier }: PageReference,
): TemplateValues {
  const shown = `<ReferenceName of={${identifier}} id={it.${name}} />`
  return {
    ...values,
    input: [],
    choice: [{ identifier }],
    cell: nullable ? `it.${name} === null ? '' : ${shown}` : shown,
  }
}

// An enum holds one of its values, and "" where it has none.
function heldOf({ name, options, nullable }: Field, One: string, { held }: Control): string {
  if (options === undefined) return nullable ? 'string' : held
  return nullable ? `${One}['${name}'] | ''` : `${One}['${name}']`
}

// No value is an empty text in the control. Of a boolean, which may have three values, it is a choice.
function nullableControl({ kind }: Field): Control {
  const control = controls[kind] ?? text
  const isBoolean = kind === 'boolean'
  const body = isBoolean ? (held: string) => `${held} === 'true'` : control.body
  const value = isBoolean ? (read: string) => `String(${read})` : control.value
  return {
    ...control,
    blank: "''",
    value: (read) =>
      value(read) === read ? `${read} ?? ''` : `${read} === null ? '' : ${value(read)}`,
    body: (held) => `${held} === '' ? null : ${body(held)}`,
    cell: (read) => `${read} === null ? '' : ${control.cell(read)}`,
  }
}

function optionsOf({ kind, options = [], nullable }: Field): string[] {
  const all = kind === 'boolean' && nullable ? ['true', 'false'] : options
  return nullable && all.length > 0 ? ['', ...all] : all
}
