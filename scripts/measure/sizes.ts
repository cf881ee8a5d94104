import type { Report } from './report.ts'
import { lineAt, type Node, type SyntaxTree } from './syntax_tree.ts'

const limits = {
  function: { median: 8, p90: 18, max: 60 },
  component: { median: 30, p90: 40, max: 120 },
  file: { median: 80, p90: Number.POSITIVE_INFINITY, max: 300 },
}

const functions = new Set([
  'ClassMethod',
  'Constructor',
  'FunctionDeclaration',
  'FunctionExpression',
  'GetterProperty',
  'MethodProperty',
  'PrivateMethod',
  'SetterProperty',
])

interface Piece {
  where: string
  lines: number
}

/** Measures every function with statements; `(it) => it.name` is an expression. */
export function functionSizes(trees: readonly SyntaxTree[]): Report {
  return judge('function', trees.flatMap(functionsOf))
}

/** Measures the functions of pages: most of them are components. */
export function componentSizes(trees: readonly SyntaxTree[]): Report {
  return judge('component', trees.flatMap(functionsOf))
}

export function fileSizes(trees: readonly SyntaxTree[]): Report {
  const files = trees.map(({ path, code }) => ({ where: path, lines: linesIn(code) }))
  return judge('file', files)
}

function judge(kind: keyof typeof limits, pieces: Piece[]): Report {
  const sorted = pieces.map((it) => it.lines).sort((a, b) => a - b)
  const limit = limits[kind]
  const found = {
    median: quantile(sorted, 0.5),
    p90: quantile(sorted, 0.9),
    max: quantile(sorted, 1),
  }
  return {
    line: `${sorted.length} ${kind}s: median ${found.median}, p90 ${found.p90}, longest ${found.max}`,
    faults: [
      ...(['median', 'p90'] as const)
        .filter((it) => found[it] > limit[it])
        .map((it) => `the ${it} ${kind} has ${found[it]} lines; at most ${limit[it]}`),
      ...pieces
        .filter((it) => it.lines > limit.max)
        .map((it) => `${it.where}: ${it.lines} lines; a ${kind} has at most ${limit.max}`),
    ],
  }
}

function quantile(sorted: number[], q: number): number {
  return sorted[Math.max(0, Math.ceil(sorted.length * q) - 1)] ?? 0
}

function functionsOf(tree: SyntaxTree): Piece[] {
  return tree.nodes.filter(hasStatements).map(({ start, end }) => {
    const line = lineAt(tree, start)
    return { where: `${tree.path}:${line}`, lines: lineAt(tree, end) - line + 1 }
  })
}

function hasStatements({ type, raw }: Node): boolean {
  if (type !== 'ArrowFunctionExpression') return functions.has(type)
  const { body } = raw
  return typeof body === 'object' && body !== null && 'stmts' in body
}

function linesIn(code: string): number {
  return code.replace(/\n$/, '').split('\n').length
}
