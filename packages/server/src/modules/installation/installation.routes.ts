import { z } from 'zod'
import type { App } from '../../app/define_app.ts'
import { createRoutes, type Route } from '../../app/route.ts'
import type { Config } from '../../config/config.ts'
import { isSignUpOpen } from '../sign_ups/sign_ups.ts'

const { get } = createRoutes<never, never, never>()

const Installation = z
  .object({
    name: z.string().meta({ description: 'Of the app' }),
    locale: z.string().meta({ description: 'The language of people who have not chosen one' }),
    tenant_origin: z.string().meta({
      description: 'Where a tenant is; `{tenant}` stands for its subdomain',
    }),
    identity_scope: z.enum(['global', 'tenant']).meta({
      description: 'Whether a person has one account in all tenants, or one in each',
    }),
    sign_up: z.boolean().meta({ description: 'Whether people can sign up' }),
    terms_url: z.string().nullable().meta({ description: 'The terms that they have to accept' }),
  })
  .meta({ id: 'Installation' })

export function installationRoutes(
  { name }: Pick<App, 'name'>,
  deps: { config: Config; ownerRole: string | undefined },
): Route[] {
  const {
    DEFAULT_LOCALE: locale,
    PUBLIC_ORIGIN: tenant_origin,
    TERMS_URL,
    IDENTITY_SCOPE,
  } = deps.config
  return [
    get('/api/installation', {
      access: 'base',
      summary: 'Get what a page shows before there is a tenant',
      reply: Installation,
      handle: () => ({
        ...{ name, locale, tenant_origin, identity_scope: IDENTITY_SCOPE },
        sign_up: isSignUpOpen(deps),
        terms_url: TERMS_URL ?? null,
      }),
    }),
  ]
}
