import { existsSync, readFileSync } from 'node:fs'
import { relative, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { z } from 'zod'
import type { App } from '../app/define_app.ts'
import { OperatorError } from '../lib/operator_error.ts'

const Manifest = z.object({ tenantry: z.object({ app: z.string() }).optional() })

/** The file that defines the app of this folder. Throws an OperatorError if there is none. */
export function findApp(folder: string): string {
  const named = namedApp(folder)
  const candidates = named === undefined ? ['src/app.ts', 'dist/app.js'] : [named]
  const found = candidates.map((it) => resolve(folder, it)).find((it) => existsSync(it))
  if (found !== undefined) return found
  throw new OperatorError(
    `there is no app in ${folder} (looked for ${candidates.join(', ')}): go to its folder, or name ` +
      'it in package.json: "tenantry": { "app": "src/app.ts" }',
  )
}

/** Loads the app of this folder. Throws an OperatorError if it cannot be loaded. */
export async function loadApp(folder: string): Promise<App> {
  const file = findApp(folder)
  await enableTypeScript(file)
  let loaded: { app?: App }
  try {
    loaded = await import(pathToFileURL(file).href)
  } catch (cause) {
    throw new OperatorError(`cannot load ${relative(folder, file)}: ${reasonOf(cause)}`, { cause })
  }
  if (loaded.app !== undefined) return loaded.app
  throw new OperatorError(
    `${relative(folder, file)} exports no app: write "export const app = defineApp({ ... })"`,
  )
}

// Node.js runs TypeScript itself since 22.18. In a checkout the bin has registered tsx already.
async function enableTypeScript(file: string): Promise<void> {
  if (!file.endsWith('.ts') || import.meta.url.endsWith('.ts')) return
  if ('typescript' in process.features && process.features.typescript) return
  const { register } = await import('tsx/esm/api')
  register()
}

function namedApp(folder: string): string | undefined {
  const file = resolve(folder, 'package.json')
  if (!existsSync(file)) return undefined
  try {
    return Manifest.parse(JSON.parse(readFileSync(file, 'utf8'))).tenantry?.app
  } catch (cause) {
    throw new OperatorError(
      `${file} is not valid JSON, or its "tenantry" is not of the form { "app": "src/app.ts" }: correct it`,
      { cause },
    )
  }
}

// One line with the position in the app's own files. The message of a syntax error contains it already.
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const message = error.message.split('\n').slice(0, 2).join(' ')
  const own = (it: string) => /file:\/\/|\(\//.test(it) && !it.includes('node_modules')
  const place = error.stack?.split('\n').find((line) => /^\s+at /.test(line) && own(line))
  return place === undefined || message.includes('.ts:') ? message : `${message} (${place.trim()})`
}
