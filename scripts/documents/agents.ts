// Verifies the literal claims of AGENTS.md: its paths and commands exist, and it stays short.
// Usage: tsx scripts/documents/agents.ts [folder]
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { npmFaults, tenantryFaults } from './named_commands.ts'

const MAX_LINES = 60

const folder = process.argv[2] ?? process.cwd()
const text = await readFile(join(folder, 'AGENTS.md'), 'utf8')
const { scripts }: { scripts: Record<string, string> } = JSON.parse(
  await readFile(join(folder, 'package.json'), 'utf8'),
)
const found = await Promise.all(claims().map(faultsOf))
const faults = [...lengthFaults(), ...found.flat()]
for (const fault of faults) console.log(`AGENTS.md: ${fault}`)
process.exitCode = faults.length === 0 ? 0 : 1

function lengthFaults(): string[] {
  const lines = text.trimEnd().split('\n').length
  return lines > MAX_LINES ? [`${lines} lines; at most ${MAX_LINES}`] : []
}

/** The text in backticks, and the lines of code blocks without their remarks. */
function claims(): string[] {
  const fence = /^```.*\n([\s\S]*?)^```/gm
  const commands = [...text.matchAll(fence)].flatMap(([, code = '']) => code.split('\n'))
  const spans = text.replaceAll(fence, '').matchAll(/`([^`\n]+)`/g)
  return [...commands.map((it) => it.replace(/\s+#.*/, '')), ...[...spans].map(([, it = '']) => it)]
}

async function faultsOf(claim: string): Promise<string[]> {
  const [program, ...words] = claim.split(' ')
  if (program === 'npm') return npmFaults(words, scripts)
  if (program === 'npx' && words[0] === 'tenantry') return tenantryFaults(words.slice(1))
  return words.length === 0 ? pathFaults(claim) : []
}

/** `modules/<noun>/` promises the folder `modules/`; `/api` is a URL, `app.get` a name. */
function pathFaults(claim: string): string[] {
  const isPath = /^[\w.][^:*]*\//.test(claim) || /^[\w.-]+\.(ts|mjs|md|json)$/.test(claim)
  const path = claim.replace(/[^/]*<.*/, '')
  return isPath && !existsSync(join(folder, path)) ? [`${claim} does not exist`] : []
}
