import { readFile } from 'node:fs/promises'

const PRELUDE = 'packages/server/test/fixtures/guides/invoices.ts'

/**
 * The examples of the guides to routes, as a module: the compiler checks it, and a test calls its routes. The
 * prelude has what the examples take for granted.
 */
export async function guideExamples(): Promise<string> {
  const [list = '', listRoute = '', params = ''] = await examplesOf('docs/lists.md')
  const routes = await examplesOf('docs/files-and-webhooks.md')
  const code = `${list}
export const listRoutes = [
${listRoute}]

export const range = {
${params}}

export const routes = [
${routes.map((it) => it.replace(/\n$/, ',\n')).join('')}]
`
  return `// The examples of docs/lists.md and docs/files-and-webhooks.md, written by \`npm run generate\`.
import { ${await importsFrom('packages/server/src/index.ts', code)} } from 'tenantry'
import { z } from 'zod'
import { ${await importsFrom(PRELUDE, code)} } from './invoices.ts'

${code}`
}

async function examplesOf(page: string): Promise<string[]> {
  const text = await readFile(page, 'utf8')
  return [...text.matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map(([, code = '']) => code)
}

/** The functions that the code calls, and the values that it names, of those that a module exports. */
async function importsFrom(module: string, code: string): Promise<string> {
  const text = await readFile(module, 'utf8')
  const exported = [...text.matchAll(/^export (?:const |async |function |\{)+([^=(}]+)/gm)]
  const names = exported.flatMap(([, list = '']) => list.split(',').map((it) => it.trim()))
  return names.filter((it) => isUsed(it, code)).join(', ')
}

function isUsed(name: string, code: string): boolean {
  return /^\w+$/.test(name) && new RegExp(`(?<![.\\w])${name}\\b(?!:)`).test(code)
}
