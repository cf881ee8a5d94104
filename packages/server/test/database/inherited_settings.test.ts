import { expect, test } from 'vitest'
import { databaseOf } from '../../src/db/connect/dsn.ts'
import { withClient } from '../../src/db/connect/with_client.ts'
import { startTestApp } from '../../src/testing/test_app.ts'
import { app } from '../fixtures/app/app.ts'
import { onMigratedDatabase } from '../fixtures/databases.ts'

test('the settings of a database change no reply: sign-in, dates and routes of the app', () =>
  onMigratedDatabase(async (urls) => {
    const name = databaseOf(urls.app)
    await withClient(urls.admin, (admin) =>
      admin.query(`
        alter database ${name} set datestyle = 'SQL, DMY';
        alter database ${name} set timezone = 'Asia/Tokyo';
        alter database ${name} set intervalstyle = 'iso_8601';
        alter database ${name} set search_path = 'tenantry';
        alter database ${name} set default_transaction_isolation = 'serializable'`),
    )
    const { app: DB_URL, identity: DB_IDENTITY_URL, platform: DB_PLATFORM_URL } = urls
    const settings = { DB_URL, DB_IDENTITY_URL, DB_PLATFORM_URL, DB_LISTEN_URL: DB_IDENTITY_URL }
    const api = await startTestApp(app, settings)
    try {
      const tenant = await api.makeTenant()
      const user = await tenant.makeUser({ roles: ['admin_tenant'] })
      expect(user.accessToken).not.toBe('')
      const made = await tenant.send({
        user,
        method: 'POST',
        path: '/api/projects',
        body: { name: '日本語' },
      })
      expect([made.status, made.json]).toEqual([201, expect.objectContaining({ name: '日本語' })])
      const { json } = await tenant.send({ user, path: '/api/sessions' })
      const created = Date.parse(json.items[0].created_at)
      expect(Math.abs(Date.now() - created)).toBeLessThan(60_000)
    } finally {
      await api.close()
    }
  }))
