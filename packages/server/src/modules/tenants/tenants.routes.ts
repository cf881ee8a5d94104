import { z } from 'zod'
import { appOrigin, signInOrigin } from '../../access/installation_origin.ts'
import type { Tenant } from '../../app/context.ts'
import type { KernelPermission } from '../../app/policy.ts'
import { file, raw } from '../../app/replies.ts'
import { createRoutes, type Route } from '../../app/route.ts'
import type { Config } from '../../config/config.ts'
import type { KernelTables } from '../../db/tables.ts'
import { LOGO_PATH } from '../../tenancy/branding.ts'
import { deleteLogo, LOGO_TYPES, MAX_LOGO_BYTES, replaceLogo, sendLogo } from './tenant_logo.ts'
import {
  Branding,
  TenantChanges,
  TenantSettings,
  TenantSetup,
  TenantSetupChanges,
} from './tenant_settings.schema.ts'
import { findSettings, findSetup, updateSettings, updateSetup } from './tenant_settings.ts'

const { get, put, patch, del } = createRoutes<KernelPermission, never, KernelTables>()

const ApiStatus = z
  .object({ status: z.literal('ok'), message: z.string() })
  .meta({ id: 'ApiStatus' })

const TenantData = z
  .object({ tenant_name: z.string(), subdomain: z.string() })
  .meta({ id: 'TenantData' })

type BrandingSettings = Pick<
  Config,
  'DEFAULT_LOCALE' | 'PUBLIC_ORIGIN' | 'APP_HOST' | 'IDENTITY_SCOPE'
>

const DAY_SECONDS = 86_400

export function tenantRoutes(config: BrandingSettings): Route[] {
  return [
    get('/', {
      access: 'public',
      summary: 'Report that the API is running',
      reply: ApiStatus,
      handle: () => ({ status: 'ok' as const, message: 'API is running' }),
    }),
    ...brandingRoutes(config),
    get('/api/tenant/tenant-data', {
      access: 'tenant:read',
      summary: 'Get basic data of the tenant',
      reply: TenantData,
      handle: ({ tenant }) => ({ tenant_name: tenant.name, subdomain: tenant.subdomain }),
    }),
    ...settingsRoutes(),
  ]
}

function brandingRoutes(config: BrandingSettings): Route[] {
  const { DEFAULT_LOCALE, PUBLIC_ORIGIN: tenant_origin, IDENTITY_SCOPE: identity_scope } = config
  const shared = { tenant_origin, app_origin: appOrigin(config), identity_scope }
  return [
    get('/api/branding', {
      access: 'public',
      summary: 'Get what a page shows before sign-in',
      reply: Branding,
      handle: ({ tenant }) => ({
        ...brandingOf(tenant, DEFAULT_LOCALE),
        ...shared,
        sign_in_origin: signInOrigin(tenant),
      }),
    }),
    get(LOGO_PATH, {
      access: 'public',
      summary: 'Get the logo of the tenant',
      rows: 'the sign-in page and mails show the logo',
      // Without effect: a page asks for a new image under a new address.
      query: z.object({ v: z.string().max(64).optional() }),
      reply: file({ types: LOGO_TYPES, maxAge: DAY_SECONDS }),
      errors: [404],
      handle: (ctx) => sendLogo(ctx),
    }),
  ]
}

function brandingOf({ name, subdomain, branding }: Tenant, defaultLocale: string) {
  const { color = null, locale = defaultLocale, notice = null } = branding
  return { tenant_name: name, subdomain, color, logo: logoOf(branding), locale, notice }
}

function logoOf({ logo }: Tenant['branding']) {
  if (logo === undefined) return null
  const { hash, width, height } = logo
  return { url: `${LOGO_PATH}?v=${hash}`, width, height }
}

// Each change waits for its invalidation: the page that sent it reads the branding again.
function settingsRoutes(): Route[] {
  return [
    get('/api/tenant', {
      access: 'tenant:read',
      summary: 'Get the settings of the tenant',
      single: true,
      reply: TenantSettings,
      handle: (ctx) => findSettings(ctx),
    }),
    patch('/api/tenant', {
      access: 'tenant:update',
      summary: 'Change name, colour, language or notice of the tenant',
      single: true,
      revokes: true,
      body: TenantChanges,
      reply: TenantSettings,
      handle: (ctx, { body }) => updateSettings(ctx, body),
    }),
    put('/api/tenant/logo', {
      access: 'tenant:update',
      summary: 'Set the logo of the tenant: a PNG, a JPEG or a WebP',
      audit: 'tenant.logo_update',
      revokes: true,
      body: raw({ max: MAX_LOGO_BYTES, types: LOGO_TYPES }),
      handle: (ctx, { body }) => replaceLogo(ctx, body),
    }),
    del('/api/tenant/logo', {
      access: 'tenant:update',
      summary: 'Remove the logo of the tenant',
      audit: 'tenant.logo_delete',
      revokes: true,
      errors: [404],
      handle: (ctx) => deleteLogo(ctx),
    }),
    get('/api/tenant/setup', {
      access: 'tenant:update',
      summary: 'See which of the first steps the tenant has done',
      single: true,
      reply: TenantSetup,
      handle: (ctx) => findSetup(ctx),
    }),
    patch('/api/tenant/setup', {
      access: 'tenant:update',
      summary: 'Close the list of first steps, or open it again',
      audit: 'tenant.setup_update',
      single: true,
      body: TenantSetupChanges,
      reply: TenantSetup,
      handle: (ctx, { body }) => updateSetup(ctx, body),
    }),
  ]
}
