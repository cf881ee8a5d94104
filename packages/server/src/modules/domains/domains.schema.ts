import { z } from 'zod'
import { defineList } from '../../app/list.ts'
import { domainName } from './domain_name.ts'

export const DomainPath = z.object({ domain_id: z.uuid() })

const state = z.enum(['pending', 'verified', 'failing', 'detached']).meta({
  description:
    '`pending`: not proven yet. `verified`: leads to the tenant. `failing`: still leads there, but its TXT ' +
    'record is gone. `detached`: leads nowhere, until the record is back',
})

const problem = z.enum(['missing', 'different', 'taken', 'unreachable', 'too_large']).meta({
  description:
    'What the last check found. `missing`: no TXT record. `different`: records with other values. `taken`: ' +
    'another tenant has the domain. `unreachable`: the DNS did not answer. `too_large`: too many records',
})

/** A host name of the tenant's own. */
export const Domain = z
  .object({
    id: z.uuid(),
    name: z.string(),
    state,
    is_primary: z.boolean().meta({ description: 'The domain that the tenant prefers' }),
    record: z
      .object({ type: z.literal('TXT'), name: z.string(), value: z.string() })
      .meta({ id: 'DomainRecord', description: 'The record that proves the domain' }),
    target: z.string().meta({ description: 'What the domain itself must lead to, by a CNAME' }),
    problem: problem.nullable(),
    points_here: z
      .boolean()
      .nullable()
      .meta({ description: 'Whether the domain leads to the target. Null if it is not known' }),
    created_at: z.iso.datetime(),
    checked_at: z.iso.datetime().nullable(),
    verified_at: z.iso.datetime().nullable(),
    failing_since: z.iso.datetime().nullable(),
    detached_at: z.iso.datetime().nullable(),
  })
  .meta({ id: 'Domain' })

export const DomainList = defineList(Domain, { table: 'tenantry.domains' })

export const NewDomain = z
  .strictObject({
    name: z
      .string()
      .min(1)
      .max(253)
      .refine((it) => domainName(it.trim())?.includes('.'), 'must be a domain name')
      .meta({ description: 'A domain name, such as shop.example.com' }),
  })
  .meta({ id: 'NewDomain' })

export const DomainChanges = z
  .strictObject({
    is_primary: z.boolean(),
    force: z
      .boolean()
      .default(false)
      .meta({
        description:
          'Make it the primary one although the last check found that it leads elsewhere, as one behind a proxy of your ' +
          'own seems to',
      }),
  })
  .meta({ id: 'DomainChanges' })
