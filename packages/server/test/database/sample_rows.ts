import { randomBytes, randomUUID } from 'node:crypto'
import type pg from 'pg'

export type Row = Record<string, string>

/** A tenant with one row in each of its tables; two samples differ in ids only. */
export interface Sample {
  tenantId: string
  userId: string
  /** By table, in an order in which they can be inserted. */
  rows: Record<string, Row>
}

const LATER = '2100-01-01T00:00:00Z'

export async function insertSample(client: pg.Client): Promise<Sample> {
  const sample = makeSample()
  for (const [table, row] of Object.entries(sample.rows)) {
    await client.query(insertSql(table, row), [JSON.stringify(row)])
  }
  // The app role, which inserts such rows too, may not verify one.
  await client.query(
    `update tenantry.domains set state = 'verified', verified_at = now(), proof_seen_at = now()
     where tenant_id = $1`,
    [sample.tenantId],
  )
  return sample
}

/** The tables of which a sample has rows. */
export const sampledTables = Object.keys(makeSample().rows)

/** The column of a sampled table that names a row's owner, and its value in this sample. */
export function ownerKey(sample: Sample, table: string): { column: string; value: string } {
  if (table === 'tenantry.users') return { column: 'id', value: sample.userId }
  const column = table === 'tenantry.tenants' ? 'id' : 'tenant_id'
  return { column, value: sample.tenantId }
}

/** SQL that inserts the row given as JSON in $1. */
export function insertSql(table: string, row: Row): string {
  const columns = Object.keys(row)
  // Not from a SELECT, whose rows Citus would COPY: row-level security forbids that.
  const values = columns.map((it) => `(json_populate_record(null::${table}, $1)).${it}`)
  return `insert into ${table} (${columns.join(', ')}) values (${values.join(', ')})`
}

function makeSample(): Sample {
  const ids = Array.from({ length: 5 }, () => randomUUID())
  const [tenant_id, user_id, role_id, session_id, invitation_id] = ids
  if (!tenant_id || !user_id || !role_id || !session_id || !invitation_id) throw new Error('no ids')
  const unique = randomBytes(6).toString('hex')
  const email = `u-${unique}@example.com`
  const expires_at = LATER
  const hash = () => `\\x${randomBytes(32).toString('hex')}`
  const rows = {
    'tenantry.tenants': {
      id: tenant_id,
      name: 'Acme',
      subdomain: `s-${unique}`,
      code: `S_${unique.toUpperCase()}`,
    },
    'tenantry.tenant_assets': {
      tenant_id,
      kind: 'logo',
      media_type: 'image/png',
      bytes: hash(),
    },
    'tenantry.domains': {
      tenant_id,
      id: randomUUID(),
      name: `${unique}.example.com`,
      proof: randomBytes(16).toString('hex'),
      created_by: user_id,
    },
    'tenantry.users': { id: user_id, email, email_key: email, password_hash: `hash-${unique}` },
    'tenantry.members': { tenant_id, user_id },
    'tenantry.roles': { tenant_id, id: role_id, name: 'auditor' },
    'tenantry.role_permissions': { tenant_id, role_id, permission: 'projects:read' },
    'tenantry.member_roles': { tenant_id, user_id, role: 'auditor', role_id },
    'tenantry.invitations': {
      tenant_id,
      id: invitation_id,
      email: `i-${email}`,
      email_key: `i-${email}`,
      full_name: '',
      message: '',
      invited_by: user_id,
      deliveries: '1',
      created_at: LATER,
      delivered_at: LATER,
      expires_at,
    },
    'tenantry.invitation_roles': { tenant_id, invitation_id, role: 'auditor', role_id },
    'tenantry.sessions': {
      tenant_id,
      id: session_id,
      user_id,
      idle_expires_at: LATER,
      expires_at,
      credentials_epoch: LATER,
      method: 'password',
      amr: '{pwd}',
      authenticated_at: LATER,
      kind: 'tokens',
      origin: 'https://acme.example.com',
    },
    'tenantry.refresh_tokens': { tenant_id, hash: hash(), session_id, expires_at },
    'tenantry.single_use_secrets': {
      tenant_id,
      hash: hash(),
      kind: 'password_reset',
      channel: 'mail',
      origin: 'https://acme.example.com',
      user_id,
      expires_at,
      data: '{}',
      attempts: '0',
    },
    'tenantry.jobs': {
      tenant_id,
      id: randomUUID(),
      kind: 'samples.wait',
      payload: '{}',
      request_id: '',
      // No worker takes it, and the app role may set each of these columns.
      state: 'later',
      priority: '0',
      run_at: LATER,
      due_at: LATER,
    },
    'tenantry.audit_logs': { tenant_id, action: 'test' },
    projects: { tenant_id, id: randomUUID(), name: 'Apollo' },
  }
  return { tenantId: tenant_id, userId: user_id, rows }
}
