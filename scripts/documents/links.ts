// Verifies that the documents lead somewhere: their links, with the heading, and the commands that they name.
// Usage: tsx scripts/documents/links.ts [folder]
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join, posix } from 'node:path'
import { readSources, type Source } from '../sources.ts'
import { npmFaults, tenantryFaults } from './named_commands.ts'

// Those of a new app have links to pages that it has, and are tested there (npm run test:package). AGENTS.md has a
// check of its own.
const ELSEWHERE = /^(packages\/create-tenantry\/files\/|released\/|AGENTS\.md$)/

// A code block, which may be part of a list.
const FENCE = /^ *```.*\n([\s\S]*?)^ *```/gm

const folder = process.argv[2] ?? process.cwd()
const all = await readSources(folder, ['.'], /\.md$/)
const documents = all.filter(({ path }) => !ELSEWHERE.test(path))
const { scripts }: { scripts: Record<string, string> } = JSON.parse(
  await readFile(join(folder, 'package.json'), 'utf8'),
)
const found = await Promise.all(documents.map(faultsOf))
for (const fault of found.flat()) console.log(fault)
process.exitCode = found.flat().length === 0 ? 0 : 1

async function faultsOf({ path, text }: Source): Promise<string[]> {
  const commands = await Promise.all(commandsIn(text).map(commandFaults))
  const dead = linksIn(text).filter((it) => !leadsSomewhere(path, it))
  const faults = [...dead.map((it) => `${it} leads nowhere`), ...commands.flat()]
  return [...new Set(faults)].map((it) => `${path}: ${it}`)
}

function linksIn(text: string): string[] {
  const links = text.replaceAll(FENCE, '').matchAll(/\]\((?!https?:|mailto:)([^)\s]+)\)/g)
  return [...links].map(([, link = '']) => link)
}

/** Does a link lead to a file, and to a heading in it if it names one? */
function leadsSomewhere(from: string, link: string): boolean {
  const [path = '', heading] = link.split('#')
  const target = path === '' ? from : posix.join(posix.dirname(from), path)
  if (heading === undefined) return existsSync(join(folder, target))
  const page = all.find((it) => it.path === target)
  return page !== undefined && headingsOf(page.text).includes(heading)
}

// As GitHub makes them.
function headingsOf(text: string): string[] {
  const titles = [...text.replaceAll(FENCE, '').matchAll(/^#+ (.*)$/gm)].map(([, it = '']) => it)
  return titles.map((it) =>
    it
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  )
}

/** The lines of shell blocks, and the text in backticks. */
function commandsIn(text: string): string[] {
  const lines = [...text.matchAll(FENCE)].flatMap(([, code = '']) => code.split(/\n|&&/))
  const spans = text.replaceAll(FENCE, '').matchAll(/`([^`\n]+)`/g)
  return [...lines, ...[...spans].map(([, it = '']) => it)].map((it) =>
    it.replace(/\s#.*/, '').trim(),
  )
}

async function commandFaults(line: string): Promise<string[]> {
  const [, program, rest = ''] = /^(npm|(?:npx )?tenantry) (.*)$/.exec(line) ?? []
  if (program === undefined) return []
  const words = rest
    .replaceAll(/"[^"]*"/g, '""')
    .split(' ')
    .filter((it) => it !== '')
  return program === 'npm' ? npmFaults(words, scripts) : tenantryFaults(words)
}
