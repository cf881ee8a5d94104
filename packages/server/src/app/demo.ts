import type { Kysely } from 'kysely'

/** The demo data of an app, for development and tests. Production rejects it. */
export interface Demo<Database = never> {
  tenants: readonly DemoTenant[]
  /** Adds the app's own rows to one tenant, in that tenant's scope. It must be idempotent. */
  fill?(db: Kysely<Database>, tenant: DemoTenant): Promise<void>
}

export interface DemoTenant {
  name: string
  subdomain: string
  code: string
  members: readonly {
    email: string
    password: string
    full_name: string
    roles: readonly string[]
  }[]
}
