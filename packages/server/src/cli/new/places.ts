import { readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { OperatorError } from '../../lib/operator_error.ts'

/** Where the parts of an app are. */
export interface Places {
  folder: string
  app: string
  policy: string
  source: string
  migrations: string
}

/** The places of the app that `app` defines. Throws an OperatorError where they are not the usual. */
export function placesOf(folder: string, app: string): Places {
  const source = dirname(app)
  const migrations = join(source, '../migrations')
  if (!app.endsWith('.ts')) throw new OperatorError(`${app} is no TypeScript source`)
  try {
    readdirSync(migrations)
  } catch (cause) {
    throw new OperatorError(`there is no folder ${migrations} for its migration`, { cause })
  }
  return { folder, app, policy: join(source, 'policy.ts'), source, migrations }
}
