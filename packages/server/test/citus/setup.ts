import type { TestProject } from 'vitest/node'
import { createCitusDatabase, distribute } from './citus_database.ts'

declare module 'vitest' {
  export interface ProvidedContext {
    citusMigrations: string
    /** The superuser's DSN of the coordinator. */
    citusUrl: string
  }
}

/** One database for the run: migrated, and then distributed over the workers. */
export async function setup({ config, provide }: TestProject): Promise<() => Promise<void>> {
  const { citusUrl = '', citusMigrations = '' } = config.provide
  const { urls, admin, drop } = await createCitusDatabase(citusUrl, citusMigrations)
  await distribute(admin)
  provide('tenantryDatabase', { ...urls, identityScope: 'global', admin: citusUrl })
  return drop
}
