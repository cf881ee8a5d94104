import { z } from 'zod'
import { createRoutes, type Route } from '../../app/route.ts'
import type { Database } from '../../db/tenancy.ts'
import { type SubdomainRules, subdomainAvailability } from './subdomains.ts'

const { get } = createRoutes<never, never, never>()

// In lower case, as hosts are compared. A longer text is no label.
const Subdomain = z.object({ name: z.string().trim().toLowerCase().max(100) })

const Availability = z
  .object({
    available: z.boolean(),
    reason: z
      .enum(['malformed', 'reserved', 'taken'])
      .nullable()
      .meta({ description: 'Why no new tenant can have the name' }),
  })
  .meta({ id: 'Availability' })

export interface SubdomainDeps {
  database: Database
  subdomains: SubdomainRules
}

export function subdomainRoutes({ database, subdomains }: SubdomainDeps): Route[] {
  return [
    get('/api/subdomains/:name', {
      access: 'base',
      summary: 'Ask whether a new tenant can have a subdomain',
      // Who can ask whether a host has a tenant learns no more here.
      params: Subdomain,
      reply: Availability,
      single: false,
      handle: ({ deadline }, { params }) =>
        database.asIdentity({ deadline }, (db) =>
          subdomainAvailability(db, subdomains, params.name),
        ),
    }),
  ]
}
