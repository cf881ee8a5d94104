import type { KernelPermission } from '../../app/policy.ts'
import { createRoutes, type Route } from '../../app/route.ts'
import type { KernelTables } from '../../db/tables.ts'
import { Domain, DomainChanges, DomainList, DomainPath, NewDomain } from './domains.schema.ts'
import {
  createDomain,
  type DomainDeps,
  deleteDomain,
  findDomain,
  listDomains,
  requestCheck,
  updateDomain,
} from './domains.ts'

const { get, post, patch, del } = createRoutes<KernelPermission, never, KernelTables>()

export function domainRoutes(deps: DomainDeps): Route[] {
  return [
    get('/api/domains', {
      access: 'domains:read',
      summary: 'List the custom domains of the tenant',
      list: DomainList,
      handle: (ctx, { query }) => listDomains(ctx, deps, query),
    }),
    get('/api/domains/:domain_id', {
      access: 'domains:read',
      summary: 'Get a custom domain',
      params: DomainPath,
      reply: Domain,
      handle: (ctx, { params }) => findDomain(ctx, deps, params.domain_id),
    }),
    post('/api/domains', {
      access: 'domains:create',
      summary: 'Add a custom domain, which a TXT record then proves',
      body: NewDomain,
      reply: Domain,
      status: 201,
      errors: [409],
      handle: (ctx, { body }) => createDomain(ctx, deps, body),
    }),
    post('/api/domains/:domain_id/check', {
      access: 'domains:update',
      summary: 'Have the TXT record of a custom domain checked now; `checked_at` tells when it was',
      audit: 'domains.check',
      params: DomainPath,
      reply: Domain,
      status: 202,
      errors: [429],
      handle: (ctx, { params }) => requestCheck(ctx, deps, params.domain_id),
    }),
    patch('/api/domains/:domain_id', {
      access: 'domains:update',
      summary: 'Make a custom domain the primary one, or no longer',
      params: DomainPath,
      body: DomainChanges,
      reply: Domain,
      errors: [409],
      handle: (ctx, { params, body }) => updateDomain(ctx, deps, params.domain_id, body),
    }),
    del('/api/domains/:domain_id', {
      access: 'domains:delete',
      summary: 'Remove a custom domain: it no longer leads to the tenant',
      revokes: true,
      params: DomainPath,
      handle: (ctx, { params }) => deleteDomain(ctx, deps, params.domain_id),
    }),
  ]
}
