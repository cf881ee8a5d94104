/**
 * How much a client wants one of `names`, from 0 to 1, by the q-values of an Accept header (RFC 9110,
 * 12.4.2). The names are the choice itself and then the ranges that cover it, such as `text/html`,
 * `text/*` and any type: the first that the header has counts. Undefined if it has none of them.
 */
export function qualityOf(header: string, ...names: string[]): number | undefined {
  const given = new Map(header.split(',').map(weightOf))
  return names.map((it) => given.get(it)).find((it) => it !== undefined)
}

/** Does the client want a page more than JSON? A browser does; a client that takes anything does not. */
export function prefersHtml(accept = ''): boolean {
  const html = qualityOf(accept, 'text/html', 'text/*', '*/*') ?? 0
  return html > (qualityOf(accept, 'application/json', 'application/*', '*/*') ?? 0)
}

function weightOf(item: string): [name: string, quality: number] {
  const [name = '', ...parameters] = item.split(';')
  const weight = parameters.find((it) => /^\s*q=/i.test(it))
  const quality = weight === undefined ? 1 : Number(weight.split('=')[1])
  // A malformed weight makes the item the last choice.
  return [name.trim().toLowerCase(), Number.isFinite(quality) ? Math.min(quality, 1) : 0]
}
