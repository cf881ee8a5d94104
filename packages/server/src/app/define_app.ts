import type { ConstraintMeanings } from './constraints.ts'
import type { Demo } from './demo.ts'
import type { Policy } from './policy.ts'
import type { Route } from './route.ts'

/** An app on the kernel: everything it adds, on one screen. */
export interface App {
  /** Shown in the banner, the API's description and mails. */
  name: string
  /** The version of its API, in the description of it; 1.0.0 unless said. */
  version?: string
  policy: Policy
  routes: readonly Route[]
  /** The folder of its SQL migrations: `new URL('../migrations', import.meta.url)`. */
  migrations: URL
  /** What a violated constraint means to a client, by constraint name. */
  constraints?: ConstraintMeanings
  /**
   * Tables that the server may touch although they have no forced row-level security, by name, each
   * with its reason: it refuses to start on any other.
   */
  unprotectedTables?: Readonly<Record<string, string>>
  /** What an empty development database is filled with. */
  demo?: Demo
}

/** Declares the app. It only gives the definition back, typed: the CLI starts it. */
export function defineApp(app: App): App {
  return app
}
