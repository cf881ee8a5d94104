import { readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { OperatorError } from '../../lib/operator_error.ts'

/** The paths of an app's parts. */
export interface Places {
  folder: string
  app: string
  policy: string
  source: string
  migrations: string
  /** The folder of its pages, which an app may lack. */
  web: string
}

/** The paths of the app that `app` defines. Throws an OperatorError for an unusual layout. */
export function placesOf(folder: string, app: string): Places {
  const source = dirname(app)
  const migrations = join(source, '../migrations')
  if (!app.endsWith('.ts')) throw new OperatorError(`${app} is not a TypeScript source`)
  try {
    readdirSync(migrations)
  } catch (cause) {
    throw new OperatorError(`there is no folder ${migrations} for its migration`, { cause })
  }
  return {
    folder,
    app,
    policy: join(source, 'policy.ts'),
    source,
    migrations,
    web: join(source, '../web'),
  }
}

/** The number of the next migration, or of one of those after it: `0004`. */
export function migrationNumber(migrations: string, after = 0): string {
  const numbers = readdirSync(migrations).map((it) => Number.parseInt(it, 10) || 0)
  return String(Math.max(0, ...numbers) + 1 + after).padStart(4, '0')
}
