import { randomUUID } from 'node:crypto'
import { testPng } from './test_image.ts'

interface Person {
  email: string
  password: string
  refreshToken: string
}

/** The part of a populated tenant that the bodies are made from. */
interface Populated {
  tenant: { id: string }
  admin: Person
  spare: Person
  referable: ReadonlyMap<string, string>
}

/** Bodies of the kernel's routes that cannot be generated from their schemas, by route. */
export const kernelBodies: Readonly<Record<string, (populated: Populated) => unknown>> = {
  'POST /api/auth/token': ({ admin: { email, password } }) =>
    new URLSearchParams({ username: email, password }),
  'POST /api/auth/login': ({ admin: { email, password } }) => ({ email, password }),
  'POST /api/auth/refresh': ({ spare }) => ({ refresh_token: spare.refreshToken }),
  'POST /api/auth/logout': ({ spare }) => ({ refresh_token: spare.refreshToken }),
  'POST /api/auth/forgot-password': ({ admin: { email } }) => ({ email }),
  'POST /api/sign-ups': () => ({
    email: `founder-${randomUUID()}@example.com`,
    tenant_name: 'Acme',
    subdomain: `acme-${randomUUID().slice(0, 8)}`,
  }),
  'POST /api/hand-over-challenges': () => ({ from: 'acme' }),
  'POST /api/sign-up-receipts': () => ({
    to: randomUUID(),
    receipt: randomUUID(),
    challenge: 'c'.repeat(43),
  }),
  'POST /api/tenant-reminders': ({ admin: { email } }) => ({ email }),
  'POST /api/hand-overs': ({ tenant }) =>
    new URLSearchParams({ to: tenant.id, challenge: 'c'.repeat(43) }),
  'POST /api/ownership-transfers': ({ admin, referable }) => ({
    user_id: referable.get('/api/members'),
    current_password: admin.password,
  }),
  'PUT /api/tenant/logo': () => new Blob([new Uint8Array(testPng())], { type: 'image/png' }),
  'PATCH /api/tenant': () => ({ color: '#0f766e', locale: 'de', notice: 'For staff only' }),
  // No DNS proves the domains of the sweeps.
  'PATCH /api/domains/:domain_id': () => ({ is_primary: false }),
  'PUT /api/account/email': ({ admin: { password } }) => ({
    email: `changed-${randomUUID()}@example.com`,
    current_password: password,
  }),
  'DELETE /api/account': ({ admin: { password: current_password } }) => ({ current_password }),
  'PUT /api/account/password': ({ admin: { password } }) => ({
    current_password: password,
    new_password: `${password} changed`,
  }),
}
