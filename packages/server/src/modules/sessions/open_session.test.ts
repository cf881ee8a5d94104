import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { app } from '../../../test/fixtures/app/app.ts'
import { domainRow } from '../../../test/fixtures/domain_row.ts'
import { realmOfNewTenant } from '../../access/realm.ts'
import { createTokens } from '../../access/tokens.ts'
import { Rejections } from '../../audit/rejections.ts'
import { backgroundScope } from '../../db/tenancy.ts'
import { Deadline } from '../../lib/deadline.ts'
import { AppError } from '../../lib/errors.ts'
import { keyRing } from '../../lib/keys.ts'
import { startTestApp, type TestApp, type TestTenant } from '../../testing.ts'
import type { ProvenUser } from '../users/users.ts'
import { findCredentials } from '../users/users.ts'
import { type Opening, openSession } from './open_session.ts'

let api: TestApp
beforeAll(async () => {
  api = await startTestApp(app)
})
afterAll(() => api.close())

const byPassword: Opening = { method: 'password', amr: ['pwd'], wants: 'refresh' }

function open(tenant: TestTenant, user: ProvenUser, opening: Opening, origin?: string) {
  const rejections = new Rejections(api.database, () => expect.unreachable())
  const keys = keyRing(api.config.SECRET_KEY ?? '', undefined)
  const tokens = createTokens(keys, { algorithm: 'HS256', accessMinutes: 15 })
  const jobs = { notify: () => {} }
  const deps = { config: api.config, database: api.database, jobs, rejections, tokens }
  const issuer = `https://${tenant.host}`
  const limits = { rate: null, concurrency: null }
  const named = {
    id: tenant.id,
    name: 'A',
    subdomain: tenant.subdomain,
    issuer,
    home: issuer,
    realm: realmOfNewTenant(api.config, tenant.id),
    limits,
    branding: {},
  }
  const ctx = {
    tenant: { ...named, origin: origin ?? issuer },
    request: { id: 'test', address: '127.0.0.1', userAgent: 'test' },
    deadline: new Deadline(5_000),
  }
  return openSession(deps, ctx, user, opening)
}

async function makeMember(tenant: TestTenant): Promise<ProvenUser & { email: string }> {
  const { id, email } = await tenant.makeUser()
  const found = await api.database.asIdentity({ tenant, deadline: 'background' }, (db) =>
    findCredentials(db, realmOfNewTenant(api.config, tenant.id), email),
  )
  return { id, email, credentials_epoch: found?.credentials_epoch ?? '' }
}

function rowsOf(tenant: TestTenant, id: string) {
  return api.database.inTenant(backgroundScope(tenant.id), async (db) => ({
    session: await db
      .selectFrom('tenantry.sessions')
      .selectAll()
      .where('id', '=', id)
      .executeTakeFirst(),
    audit: await db
      .selectFrom('tenantry.audit_logs')
      .select('meta')
      .where('session_id', '=', id)
      .executeTakeFirst(),
    tokens: await db
      .selectFrom('tenantry.refresh_tokens')
      .select('expires_at')
      .where('session_id', '=', id)
      .execute(),
  }))
}

const sessionsOf = async (tenant: TestTenant, userId: string) => {
  const rows = await api.database.inTenant(backgroundScope(tenant.id), (db) =>
    db.selectFrom('tenantry.sessions').select('id').where('user_id', '=', userId).execute(),
  )
  return rows.length
}

async function problemOf(opening: Promise<unknown>): Promise<string> {
  const error = await opening.then(
    () => undefined,
    (it) => it,
  )
  return error instanceof AppError ? `${error.code}: ${error.message}` : String(error)
}

describe('openSession', () => {
  test('stores how and where the session was opened, in the session and in the audit log', async () => {
    const tenant = await api.makeTenant()
    const user = await makeMember(tenant)
    const authenticatedAt = new Date('2026-01-02T03:04:05.000Z')
    const opening = { method: 'hand_over', amr: ['pwd', 'otp', 'mfa'], authenticatedAt } as const
    const name = `${tenant.subdomain}.example`
    const domain = `https://${name}`
    const openThere = () => open(tenant, user, { ...opening, wants: 'cookie' }, domain)
    // Not before the name leads to the tenant.
    await expect(openThere()).rejects.toMatchObject({ code: 'tenant.not_found' })
    await api.database.acrossTenants('test', (db) =>
      db.insertInto('tenantry.domains').values(domainRow(name, tenant.id)).execute(),
    )
    const { id } = await openThere()
    const { session, audit, tokens } = await rowsOf(tenant, id)
    expect(session).toMatchObject({
      method: 'hand_over',
      amr: ['pwd', 'otp', 'mfa'],
      kind: 'cookie',
      origin: domain,
    })
    expect(new Date(session?.authenticated_at ?? '')).toEqual(authenticatedAt)
    expect(audit?.meta).toEqual({ method: 'hand_over', amr: ['pwd', 'otp', 'mfa'], kind: 'cookie' })
    expect(tokens).toEqual([])
  })

  test('stores a sign-in by password as one of now, with a refresh token', async () => {
    const tenant = await api.makeTenant()
    const user = await makeMember(tenant)
    const { id, idleExpiresAt } = await open(tenant, user, byPassword)
    const { session, tokens } = await rowsOf(tenant, id)
    expect(session).toMatchObject({ method: 'password', amr: ['pwd'], kind: 'tokens' })
    expect([session?.authenticated_at, session?.origin]).toEqual([
      session?.created_at,
      `https://${tenant.host}`,
    ])
    expect(tokens).toEqual([{ expires_at: idleExpiresAt }])
  })

  test('rejects a proof that RFC 8176 does not name', async () => {
    const tenant = await api.makeTenant()
    const user = await makeMember(tenant)
    const opening = { ...byPassword, amr: ['password'] }
    await expect(open(tenant, user, opening)).rejects.toThrow('sessions_amr_check')
  })

  test.each([
    ['suspended', 'tenant.suspended: Tenant suspended'],
    ['deleting', 'tenant.not_found: Tenant not found'],
  ] as const)('opens none in a tenant that is %s', async (status, problem) => {
    const tenant = await api.makeTenant()
    const user = await makeMember(tenant)
    await api.database.acrossTenants('test', (db) =>
      db.updateTable('tenantry.tenants').set({ status }).where('id', '=', tenant.id).execute(),
    )
    const before = await sessionsOf(tenant, user.id)
    expect(await problemOf(open(tenant, user, byPassword))).toBe(problem)
    expect(await sessionsOf(tenant, user.id)).toBe(before)
  })

  test('opens none for a user who was disabled, or whose password changed, since the check', async () => {
    const tenant = await api.makeTenant()
    const changes = [{ is_active: false }, { password_hash: 'another' }]
    for (const change of changes) {
      const user = await makeMember(tenant)
      await api.database.acrossTenants('test', (db) =>
        db.updateTable('tenantry.users').set(change).where('id', '=', user.id).execute(),
      )
      const before = await sessionsOf(tenant, user.id)
      expect(await problemOf(open(tenant, user, byPassword))).toBe(
        'credentials.wrong: Invalid credentials',
      )
      expect(await sessionsOf(tenant, user.id)).toBe(before)
    }
  })

  test('opens none for a member who was deactivated, and for a member of another tenant', async () => {
    const [tenant, other] = [await api.makeTenant(), await api.makeTenant()]
    const user = await makeMember(tenant)
    const problem = 'member.required: User does not belong to this tenant'
    expect(await problemOf(open(other, user, byPassword))).toBe(problem)
    await api.database.inTenant(backgroundScope(tenant.id), (db) =>
      db
        .updateTable('tenantry.members')
        .set({ is_active: false })
        .where('user_id', '=', user.id)
        .execute(),
    )
    expect(await problemOf(open(tenant, user, byPassword))).toBe(problem)
  })
})
