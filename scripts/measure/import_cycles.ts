import { dirname, join } from 'node:path/posix'
import { folderCycles } from '../folder_cycles.mjs'
import type { Report } from './report.ts'
import { isObject, type Node, type SyntaxTree } from './syntax_tree.ts'

/** Folders of the kernel that import each other in a circle. */
export function importCycles(trees: readonly SyntaxTree[]): Report {
  const cycles = folderCycles(trees.map(importsOf))
  return {
    line: `folder cycles: ${cycles.length}`,
    faults: cycles.map((it) => `folders import in a circle: ${it.join(' -> ')}`),
  }
}

function importsOf({ path, nodes }: SyntaxTree) {
  const imports = nodes
    .map(importedBy)
    .filter((it) => it?.startsWith('.'))
    .map((it) => join(dirname(path), it ?? ''))
  return { path, imports }
}

/** The path that this node imports, if it is an import of any kind. */
function importedBy({ type, raw }: Node): string | undefined {
  if (type === 'TsImportType') return textOf(raw['argument'])
  if (type !== 'CallExpression') return textOf(raw['source'])
  const { callee, arguments: given } = raw
  if (!isObject(callee) || callee['type'] !== 'Import' || !Array.isArray(given)) return undefined
  return textOf(given[0]?.expression)
}

function textOf(node: unknown): string | undefined {
  return isObject(node) && typeof node['value'] === 'string' ? node['value'] : undefined
}
