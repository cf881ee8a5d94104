import type { SyntaxTree } from './syntax_tree.ts'

/** A comment's place in `SyntaxTree.code`. */
export interface Comment {
  start: number
  end: number
}

const literals = new Set(['StringLiteral', 'TemplateElement', 'RegExpLiteral'])

/** The parser drops comments, so this finds comment marks outside of literals. */
export function commentsOf(tree: SyntaxTree): Comment[] {
  const spans = tree.nodes.filter(({ type }) => literals.has(type))
  const bare = blanked(tree.code, spans)
  return [...bare.matchAll(/\/\/[^\n]*|\/\*[\s\S]*?\*\//g)].map((it) => ({
    start: it.index,
    end: it.index + it[0].length,
  }))
}

/** `code` with spaces in place of these parts. Lines and positions stay. */
export function blanked(code: string, parts: readonly Comment[]): string {
  const sorted = parts.toSorted((a, b) => a.start - b.start)
  let at = 0
  let result = ''
  for (const { start, end } of sorted) {
    result += code.slice(at, start) + code.slice(start, end).replaceAll(/[^\n]/g, ' ')
    at = end
  }
  return result + code.slice(at)
}
