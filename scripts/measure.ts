// Measures the sources against this project's limits: sizes, comments and plain English.
// Usage: tsx scripts/measure.ts [--comments] [--words] [folder]; the options list the places.
// With --request it instead counts the files and calls of one request, in a server of its own.
import { parseArgs } from 'node:util'
import { commentShare } from './measure/comment_share.ts'
import { folderSizes } from './measure/folder_sizes.ts'
import { plainEnglish } from './measure/plain_english.ts'
import { commentsIn, messagesIn, proseIn } from './measure/prose.ts'
import type { Report } from './measure/report.ts'
import { componentSizes, fileSizes, functionSizes } from './measure/sizes.ts'
import { parseSource } from './measure/syntax_tree.ts'
import { isGenerated, isTest, readSources } from './sources.ts'

const measured = [
  'packages/server/src/',
  'packages/create-tenantry/src/',
  'starter/src/',
  'scripts/',
]

// Their functions are components, whose markup has a line for each element.
const pages = ['packages/web/src/', 'starter/web/']

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    comments: { type: 'boolean' },
    words: { type: 'boolean' },
    request: { type: 'boolean' },
  },
})
if (values.request) {
  // Imported only here because it loads the app, which the other measures do not need.
  const { requestCost } = await import('./measure/request/request_cost.ts')
  show(await requestCost(), true)
} else {
  await measureSources(positionals[0] ?? process.cwd())
}

async function measureSources(folder: string): Promise<void> {
  const all = await readSources(folder, ['.'], /\.(tsx?|js|mjs|sql|md)$/)
  // Released migrations never change.
  const written = all.filter(({ path }) => !path.startsWith('released/'))
  const isCode = (path: string) => /\.(tsx?|js|mjs)$/.test(path) && !isGenerated(path)
  const trees = written.filter(({ path }) => isCode(path)).map(parseSource)
  const sources = trees.filter(({ path }) => isMeasured(path))
  if (sources.length === 0) throw new Error(`no files in ${measured.join(', ')}`)
  const texts = written.filter(({ path }) => /\.(sql|md)$/.test(path)).map(proseIn)

  const pageSources = trees.filter(({ path }) => isIn(pages, path))
  show(functionSizes(sources))
  show(componentSizes(pageSources))
  show(fileSizes([...sources, ...pageSources]))
  const paths = written.map(({ path }) => path)
  show(folderSizes(paths.filter((it) => isMeasured(it) || isIn(pages, it))))
  show(commentShare(sources), values.comments)
  show(plainEnglish('prose', [...texts, ...trees.flatMap(commentsIn)]), values.words)
  show(plainEnglish('messages', trees.flatMap(messagesIn)), values.words)
}

function isMeasured(path: string): boolean {
  return isIn(measured, path)
}

function isIn(folders: readonly string[], path: string): boolean {
  return /\.(tsx?|mjs)$/.test(path) && !isTest(path) && folders.some((it) => path.startsWith(it))
}

function show({ line, faults, details = [] }: Report, withDetails = false): void {
  console.log(line)
  const lines = withDetails ? [...details, ...faults] : faults
  for (const it of new Set(lines)) console.log(`  ${it}`)
  if (faults.length > 0) process.exitCode = 1
}
