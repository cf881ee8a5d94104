import type pg from 'pg'
import { expect, test } from 'vitest'
import { withClient } from '../../src/db/connect/with_client.ts'
import { asRole, type DatabaseUrls, onMigratedDatabase } from '../fixtures/databases.ts'
import { insertSample } from './sample_rows.ts'

test('the backup role reads every row of every table, without a tenant', async () => {
  await onMigratedDatabase(async (urls) => {
    await fill(urls)
    const all = await withClient(urls.admin, countRows)
    expect(Object.values(all)).not.toContain(0)
    expect(await withClient(urls.backup, countRows)).toEqual(all)
    // As a dump by the owner would be: pg_dump --enable-row-security exits with 0 without these rows.
    const owned = await withClient(urls.owner, countRows)
    expect([owned['projects'], owned['tenantry.users']]).toEqual([0, 0])
  })
})

test('the backup role reads what an app adds without make_tenant_table, and its sequences', async () => {
  await onMigratedDatabase(async (urls) => {
    await withClient(urls.owner, async (owner) => {
      await owner.query('create schema billing')
      await owner.query('create table billing.rates (id int generated always as identity)')
      await owner.query('insert into billing.rates default values')
    })
    await withClient(urls.backup, async (backup) => {
      expect((await backup.query('select id from billing.rates')).rows).toEqual([{ id: 1 }])
      const { rows } = await backup.query('select last_value from billing.rates_id_seq')
      expect(rows).toEqual([{ last_value: '1' }])
    })
  })
})

test('the backup role has the hashes of passwords, which a restored database needs', () =>
  asRole('backup', async (backup) => {
    const { rows } = await backup.query(`
      select has_column_privilege('tenantry.users', 'password_hash', 'select') as hashes,
        has_table_privilege('tenantry.single_use_secrets', 'select') as secrets`)
    expect(rows).toEqual([{ hashes: true, secrets: true }])
  }))

test('a dump may take hours: no time limit ends a statement of the backup role', () =>
  asRole('backup', async (backup) => {
    const { rows } = await backup.query(`
      select name, setting from pg_settings where name in
        ('statement_timeout', 'idle_in_transaction_session_timeout', 'default_transaction_read_only')
      order by name`)
    expect(rows.map(({ setting }) => setting)).toEqual(['on', '0', '0'])
  }))

async function fill(urls: DatabaseUrls): Promise<void> {
  await withClient(urls.admin, async (admin) => {
    await insertSample(admin)
    await insertSample(admin)
    await admin.query("insert into tenantry.attempt_counters values ('key', 1, now())")
    await admin.query(
      "insert into tenantry.platform_logs (id, reason) values (gen_random_uuid(), 'test')",
    )
    await admin.query(
      `with begun as (
        insert into tenantry.sign_ups (id, email, email_key, tenant_name, subdomain, hash, code_mac, expires_at)
        values (gen_random_uuid(), 'a@b.c', 'a@b.c', 'Acme', 'acme', sha256(''), sha256(''), now())
        returning id)
      insert into tenantry.installation_mails (id, kind, sign_up_id, key_id)
        select gen_random_uuid(), 'sign_ups.begin', id, 'k' from begun`,
    )
    await admin.query('insert into tenantry.retained_logs select *, now() from tenantry.audit_logs')
    await admin.query(
      `insert into tenantry.held_names (kind, name_digest, tenant_digest, held_until)
        select 'subdomain', tenantry.name_digest('acme'), tenantry.name_digest('1'), now()`,
    )
    await admin.query(
      "insert into tenantry.schedules (name, pattern, next_at) values ('a', 'b', now())",
    )
  })
}

/** The rows that the client sees, by table. */
async function countRows(client: pg.Client): Promise<Record<string, number>> {
  const { rows } = await client.query<{ name: string }>(`
    select oid::regclass::text as name from pg_class
    where relkind = 'r' and relnamespace in ('tenantry'::regnamespace, 'public'::regnamespace)`)
  const counts: Record<string, number> = {}
  for (const { name } of rows) {
    const counted = client.query<{ count: string }>(`select count(*) from ${name}`)
    counts[name] = await counted.then(
      (it) => Number(it.rows[0]?.count),
      () => 0,
    )
  }
  return counts
}
