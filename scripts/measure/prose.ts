import type { Source } from '../sources.ts'
import { commentsOf } from './comments.ts'
import { lineAt, type SyntaxTree } from './syntax_tree.ts'

/** A piece of running text; its first line is `line` of the file. */
export interface Passage {
  path: string
  line: number
  text: string
}

/** The comments of a file of code. Line comments that follow each other are one passage. */
export function commentsIn(tree: SyntaxTree): Passage[] {
  const passages: Passage[] = []
  let last = 0
  for (const { start, end } of commentsOf(tree)) {
    const text = withoutMarks(tree.code.slice(start, end))
    const previous = passages.at(-1)
    const follows = /^\n[ \t]*$/.test(tree.code.slice(last, start))
    if (previous !== undefined && follows) previous.text += `\n${text}`
    else passages.push({ path: tree.path, line: lineAt(tree, start), text })
    last = end
  }
  return passages.map(decoded)
}

/** The texts in a file of code: log lines, errors, help and the names of tests. */
export function messagesIn(tree: SyntaxTree): Passage[] {
  return tree.nodes
    .filter(({ type }) => type === 'StringLiteral' || type === 'TemplateElement')
    .map(({ start, end }) => ({ start, text: tree.code.slice(start, end) }))
    .filter(({ text }) => /\w \w+ \w/.test(text))
    .map(({ start, text }) => decoded({ path: tree.path, line: lineAt(tree, start), text }))
}

/** The comments of SQL, or the text of Markdown without its code. */
export function proseIn({ path, text }: Source): Passage {
  const prose = path.endsWith('.sql') ? sqlComments(text) : withoutFences(text)
  return { path, line: 1, text: withoutNames(prose) }
}

function sqlComments(text: string): string {
  return text
    .split('\n')
    .map((it) => /--(.*)$/.exec(it)?.[1] ?? '')
    .join('\n')
}

/** The lines of examples become empty, so that the others keep their numbers. */
function withoutFences(text: string): string {
  return text.replaceAll(/^```[\s\S]*?^```/gm, (it) => it.replaceAll(/[^\n]/g, ''))
}

function withoutMarks(comment: string): string {
  return comment
    .split('\n')
    .map((it) => it.replace(/^\s*(\/\/|\/\*+|\*+(?!\/))?/, '').replace(/\*\/$/, ''))
    .join('\n')
}

/** Text in backticks is a name, not prose. */
function withoutNames(text: string): string {
  return text.replaceAll(/`[^`\n]*`/g, ' ')
}

/** A syntax tree has one character per byte. */
function decoded(passage: Passage): Passage {
  return { ...passage, text: withoutNames(Buffer.from(passage.text, 'latin1').toString()) }
}
