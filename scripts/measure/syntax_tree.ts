import { parseSync } from '@swc/core'
import type { Source } from '../sources.ts'

/** A node of the syntax tree. `start` and `end` are positions in `SyntaxTree.code`. */
export interface Node {
  type: string
  start: number
  end: number
  /** The node as swc gives it. */
  raw: Readonly<Record<string, unknown>>
}

/** A parsed file. One character of `code` is one byte of the file, as the parser counts positions. */
export interface SyntaxTree {
  path: string
  code: string
  /** Every node, a parent before its children. */
  nodes: Node[]
}

export function parseSource({ path, text }: Source): SyntaxTree {
  // swc counts from the first token of the file; the semicolon makes that the first character.
  const code = `;${text.replace(/^#!/, '//')}`
  const tree = parseSync(code, { syntax: 'typescript', tsx: path.endsWith('.tsx') })
  const nodes: Node[] = []
  collectNodes(tree, tree.span.start, nodes)
  return { path, code: Buffer.from(code).toString('latin1'), nodes }
}

/** All nodes between the start and the end of a node, itself included. */
export function nodesWithin({ nodes }: SyntaxTree, { start, end }: Node): Node[] {
  return nodes.filter((it) => it.start >= start && it.end <= end)
}

export function lineAt({ code }: SyntaxTree, position: number): number {
  return code.slice(0, position).split('\n').length
}

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
}

function collectNodes(value: unknown, base: number, nodes: Node[]): void {
  if (!isObject(value)) return
  const { type, span } = value
  if (typeof type === 'string' && isSpan(span)) {
    nodes.push({ type, start: span.start - base, end: span.end - base, raw: value })
  }
  for (const child of Object.values(value)) collectNodes(child, base, nodes)
}

function isSpan(value: unknown): value is { start: number; end: number } {
  return isObject(value) && typeof value['start'] === 'number' && typeof value['end'] === 'number'
}
