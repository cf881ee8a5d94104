// Small, and read downwards: holds the sizes of functions and files against what we set ourselves.
// Usage: tsx scripts/measure.ts [folder]
import { parseSync } from '@swc/core'
import { isGenerated, isTest, readSources, type Source } from './sources.ts'

const limits = {
  function: { median: 10, p90: 30, max: 60 },
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

interface Node {
  type: string
  span: { start: number; end: number }
}

const folder = process.argv[2] ?? process.cwd()
const folders = ['packages/server/src', 'starter/src', 'scripts']
const sources = (await readSources(folder, folders, /\.(ts|mjs)$/)).filter(
  ({ path }) => !isTest(path) && !isGenerated(path),
)
const faults = [
  ...judge('function', sources.flatMap(functionsOf)),
  ...judge(
    'file',
    sources.map(({ path, text }) => ({ where: path, lines: linesIn(text) })),
  ),
]
process.exitCode = faults.length === 0 ? 0 : 1

function judge(kind: keyof typeof limits, pieces: Piece[]): string[] {
  const sorted = pieces.map((it) => it.lines).sort((a, b) => a - b)
  const limit = limits[kind]
  const found = {
    median: quantile(sorted, 0.5),
    p90: quantile(sorted, 0.9),
    max: quantile(sorted, 1),
  }
  console.log(
    `${sorted.length} ${kind}s: median ${found.median}, p90 ${found.p90}, longest ${found.max}`,
  )
  const faults = [
    ...(['median', 'p90'] as const)
      .filter((it) => found[it] > limit[it])
      .map((it) => `the ${it} ${kind} has ${found[it]} lines; at most ${limit[it]}`),
    ...pieces
      .filter((it) => it.lines > limit.max)
      .map((it) => `${it.where}: ${it.lines} lines; a ${kind} has at most ${limit.max}`),
  ]
  for (const fault of faults) console.log(`  ${fault}`)
  return faults
}

function quantile(sorted: number[], q: number): number {
  return sorted[Math.max(0, Math.ceil(sorted.length * q) - 1)] ?? 0
}

/** Every function with statements; `(it) => it.name` is an expression. */
function functionsOf({ path, text }: Source): Piece[] {
  // Positions are bytes from the first token; with this one that is the start of the file.
  const code = `;${text}`
  const bytes = Buffer.from(code)
  const tree = parseSync(code, { syntax: 'typescript' })
  const { start } = tree.span
  const lineAt = (position: number) =>
    bytes
      .subarray(0, position - start)
      .toString()
      .split('\n').length
  return nodesIn(tree)
    .filter(hasStatements)
    .map(({ span }) => ({
      where: `${path}:${lineAt(span.start)}`,
      lines: lineAt(span.end) - lineAt(span.start) + 1,
    }))
}

function hasStatements(node: Node): boolean {
  if (node.type !== 'ArrowFunctionExpression') return functions.has(node.type)
  return 'body' in node && isNode(node.body) && 'stmts' in node.body
}

function nodesIn(value: unknown): Node[] {
  if (typeof value !== 'object' || value === null) return []
  const below = Object.values(value).flatMap(nodesIn)
  return isNode(value) ? [value, ...below] : below
}

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && 'type' in value && 'span' in value
}

function linesIn(text: string): number {
  return text.replace(/\n$/, '').split('\n').length
}
