import { randomBytes } from 'node:crypto'
import { expect, onTestFinished, test } from 'vitest'
import { asAdmin, sharedDatabase } from '../../../test/fixtures/databases.ts'
import { createPool } from '../pool.ts'
import { withClient } from './with_client.ts'

/** Creates a role, and returns a function that builds its DSN from one or two passwords. */
async function makeRole() {
  const name = `rotating_${randomBytes(4).toString('hex')}`
  await asAdmin((admin) => admin.query(`create role ${name} login password 'old'`))
  const { pathname } = new URL(sharedDatabase().app)
  const database = pathname.slice(1)
  await asAdmin((admin) => admin.query(`grant connect on database ${database} to ${name}`))
  onTestFinished(() =>
    asAdmin(async (admin) => {
      await admin.query(`revoke connect on database ${database} from ${name}`)
      await admin.query(`drop role ${name}`)
    }),
  )
  return {
    change: (password: string) =>
      asAdmin((admin) => admin.query(`alter role ${name} password '${password}'`)),
    dsn(password: string, next?: string) {
      const url = Object.assign(new URL(sharedDatabase().app), { username: name, password })
      if (next !== undefined) url.searchParams.set('password_next', next)
      return url.href
    },
  }
}

const query = (url: string) =>
  withClient(url, async (client) => (await client.query('select 1 as one')).rows)

test('OPS-7 a DSN with the next password works before and after the change', async () => {
  const role = await makeRole()
  const url = role.dsn('old', 'n%w/ @:')
  expect(await query(url)).toEqual([{ one: 1 }])
  await role.change('n%w/ @:')
  expect(await query(url)).toEqual([{ one: 1 }])
  await expect(query(role.dsn('old'))).rejects.toMatchObject({ code: '28P01' })
  await role.change('another')
  await expect(query(url)).rejects.toMatchObject({ code: '28P01' })
})

test('OPS-7 new connections of a pool that was opened before the change work too', async () => {
  const role = await makeRole()
  const pool = createPool({
    url: role.dsn('old', 'new'),
    max: 2,
    waitMs: 5_000,
    queryTimeoutMs: 5_000,
    pipeline: true,
    name: 'test',
    limits: {},
    onError() {},
  })
  const first = await pool.connect()
  await role.change('new')
  const second = await pool.connect()
  expect((await second.query('select 1 as one')).rows).toEqual([{ one: 1 }])
  first.release()
  second.release()
  await pool.end()
})

test('an empty next password is ignored', async () => {
  const role = await makeRole()
  expect(await query(role.dsn('old', ''))).toEqual([{ one: 1 }])
})
