import type { Kysely } from 'kysely'

/** Demo data of an app: for development and tests, refused in production. */
export interface Demo<Database = never> {
  tenants: readonly DemoTenant[]
  /** Adds the app's own rows to one tenant, through that tenant's door. Must be idempotent. */
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
