import type { ConstraintMeanings } from './constraints.ts'
import type { Demo } from './demo.ts'
import type { Policy } from './policy.ts'
import type { Route } from './route.ts'

/** An app: everything that it adds to the kernel. */
export interface App {
  /** Shown in the banner, the API's description and mails. */
  name: string
  /** The version of its API, for the OpenAPI document. The default is 1.0.0. */
  version?: string
  policy: Policy
  routes: readonly Route[]
  /** The folder of its SQL migrations: `new URL('../migrations', import.meta.url)`. */
  migrations: URL
  /** What a violated constraint means to a client, by constraint name. */
  constraints?: ConstraintMeanings
  /**
   * Tables that the server may use without forced row-level security, by name, each with its reason. The
   * server does not start in production while it can reach any other such table.
   */
  unprotectedTables?: Readonly<Record<string, string>>
  /**
   * What the catalog rules find and this app means, each with its reason. The key is the finding up to its
   * colon: `'L8 countries_code_key'`, or `'L23 news (readers for select) using (is_public)'`.
   */
  catalogExceptions?: Readonly<Record<string, string>>
  /** The data that fills an empty development database. */
  demo?: Demo
}

/** Declares an app. It only returns its argument, with the type checked; the CLI starts the app. */
export function defineApp(app: App): App {
  return app
}
