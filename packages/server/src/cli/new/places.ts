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
  return { folder, app, policy: join(source, 'policy.ts'), source, migrations }
}
