const WIDTH = 100

/** A list between `open` and `close`: on one line where it fits, else an item on each. */
export function list(open: string, items: string[], close: string): string {
  const pad = open.endsWith('{') ? ' ' : ''
  const line = `${open}${pad}${items.join(', ')}${pad}${close}`
  if (fits(line)) return line
  const indent = indentOf(open)
  return [open, ...items.map((it) => `${indent}  ${it},`), `${indent}${close}`].join('\n')
}

/** Calls on `head`: on one line where they fit, else each on its own. */
export function chain(head: string, calls: string[]): string {
  const line = `${head}${calls.join('')}`
  return fits(line) ? line : brokenChain(head, calls)
}

/** Calls on `head`, each on a line of its own. */
export function brokenChain(head: string, calls: string[]): string {
  const indent = indentOf(head)
  return [head, ...calls.flatMap((it) => it.split('\n')).map((it) => `${indent}  ${it}`)].join('\n')
}

/** An arrow function that calls another: on one line where it fits, else the call on the next. */
export function arrow(open: string, call: string): string {
  const line = `${open} => ${call}`
  return fits(`${line},`) ? line : `${open} =>\n${indentOf(open)}  ${call}`
}

/** As people sort names, and the order of imports: capitals beside their small letters. */
export function inOrder(names: string[]): string[] {
  return names.toSorted((a, b) => order.compare(a, b))
}

function fits(line: string): boolean {
  return !line.includes('\n') && line.length <= WIDTH
}

function indentOf(line: string): string {
  return /^ */.exec(line)?.[0] ?? ''
}

const order = new Intl.Collator('en', { numeric: true })
