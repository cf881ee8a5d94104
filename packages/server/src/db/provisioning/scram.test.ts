import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { withClient } from '../connect/with_client.ts'
import { type EmbeddedPostgres, startEmbedded } from '../embedded/embedded.ts'
import { randomPasswords } from './passwords.ts'
import { provisionDatabase } from './provision.ts'
import { allRoles, roles } from './roles.ts'
import { scramVerifier } from './scram.ts'

let postgres: EmbeddedPostgres
let dataDir: string
beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'tenantry-scram-'))
  postgres = await startEmbedded({ dataDir, ephemeral: true })
})
afterAll(async () => {
  await postgres.stop()
  await rm(dataDir, { recursive: true, force: true })
})

test('the verifier equals the example in RFC 7677', async () => {
  // Section 3: user "user", password "pencil".
  const salt = Buffer.from('W22ZaJ0SNY7soEsUEjb6gQ==', 'base64')
  expect(await scramVerifier('pencil', salt)).toBe(
    'SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$' +
      'WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=',
  )
})

test('a password that clients would normalize is rejected', async () => {
  for (const password of ['', 'naïve', 'two words', 'line\nbreak']) {
    await expect(scramVerifier(password)).rejects.toThrow('must be printable ASCII')
  }
})

test('no statement contains the password of a role, and the role can connect with it (OPS-7)', async () => {
  const sent: string[] = []
  const { query } = pg.Client.prototype
  onTestFinished(() => {
    pg.Client.prototype.query = query
  })
  pg.Client.prototype.query = function (this: pg.Client, ...given: unknown[]) {
    sent.push(JSON.stringify(given))
    return Reflect.apply(query, this, given)
  } as typeof query
  const passwords = randomPasswords()
  const adminUrl = postgres.adminUrl
  const urls = await provisionDatabase({ adminUrl, database: 'saas', passwords })
  expect(sent.filter((it) => it.includes('SCRAM-SHA-256'))).toHaveLength(allRoles.length)
  for (const role of allRoles) {
    const { [role]: password } = passwords
    expect(sent.join('\n')).not.toContain(password)
    const { [role]: url } = urls
    const { rows } = await withClient(url, (client) => client.query('select current_user as role'))
    expect(rows).toEqual([{ role: roles[role].name }])
    const wrong = url.replace(password, password.toUpperCase())
    await expect(withClient(wrong, async () => {})).rejects.toMatchObject({ code: '28P01' })
  }
})
