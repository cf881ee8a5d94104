import { blanked, type Comment, commentsOf } from './comments.ts'
import type { Report } from './report.ts'
import { isObject, type Node, nodesWithin, type SyntaxTree } from './syntax_tree.ts'

const MAX_SHARE = 0.08

/** The comments of these folders state the invariants of revocation and permissions. */
const exempt = /^packages\/server\/src\/(invalidation|access)\//

interface Count {
  path: string
  comments: number
  /** Lines in docblocks of exported names, which are not in `comments`. */
  docs: number
  lines: number
}

/**
 * The share of lines with a comment and nothing else, of all lines that are not blank. The docblock of
 * an exported name, or of a member of an exported interface, class or type, is API documentation and
 * does not count.
 */
export function commentShare(trees: readonly SyntaxTree[]): Report {
  const counts = trees.filter(({ path }) => !exempt.test(path)).map(countOf)
  const lines = sum(counts.map((it) => it.lines))
  const comments = sum(counts.map((it) => it.comments))
  const withDocs = comments + sum(counts.map((it) => it.docs))
  const isAbove = comments > lines * MAX_SHARE
  const fault = `${percent(comments, lines)} of the lines are comments; at most ${percent(MAX_SHARE, 1)}`
  return {
    line: `comments: ${percent(comments, lines)} of ${lines} lines, ${percent(withDocs, lines)} with documentation`,
    faults: isAbove ? [fault, ...most(counts)] : [],
    details: most(counts),
  }
}

function countOf(tree: SyntaxTree): Count {
  const { path, code } = tree
  const documented = documentedPositions(tree)
  const comments = commentsOf(tree)
  const withoutComments = blanked(code, comments)
  const counted = comments.filter((it) => {
    const next = it.end + withoutComments.slice(it.end).search(/\S/)
    return !(isDocblock(code, it) && documented.has(next))
  })
  const [lines, bare] = [filledLines(code), filledLines(withoutComments)]
  const commentLines = lines - filledLines(blanked(code, counted))
  return { path, lines, comments: commentLines, docs: lines - bare - commentLines }
}

function isDocblock(code: string, { start }: Comment): boolean {
  return code.startsWith('/**', start)
}

const containers = new Set(['TsInterfaceDeclaration', 'TsTypeAliasDeclaration', 'ClassDeclaration'])
const members = new Set([
  'ClassMethod',
  'ClassProperty',
  'Constructor',
  'TsCallSignatureDeclaration',
  'TsConstructSignatureDeclaration',
  'TsGetterSignature',
  'TsIndexSignature',
  'TsMethodSignature',
  'TsPropertySignature',
  'TsSetterSignature',
])

/** Where exported declarations and their members begin. */
function documentedPositions(tree: SyntaxTree): Set<number> {
  const exported = tree.nodes.filter(({ type }) => type === 'ExportDeclaration')
  const inside = exported
    .filter(({ raw }) => isObject(raw['declaration']) && isContainer(raw['declaration']))
    .flatMap((it) => nodesWithin(tree, it))
    .filter(({ type }) => members.has(type))
  return new Set([...exported, ...inside].map((it: Node) => it.start))
}

function isContainer({ type }: Readonly<Record<string, unknown>>): boolean {
  return typeof type === 'string' && containers.has(type)
}

function most(counts: readonly Count[]): string[] {
  return counts
    .filter((it) => it.comments > 0)
    .toSorted((a, b) => b.comments - a.comments)
    .slice(0, 20)
    .map((it) => `${it.path}: ${it.comments} of ${it.lines} lines are comments`)
}

function filledLines(code: string): number {
  return code.split('\n').filter((it) => it.trim() !== '' && it !== ';').length
}

function percent(part: number, whole: number): string {
  return `${((100 * part) / whole).toFixed(1)} %`
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, it) => total + it, 0)
}
