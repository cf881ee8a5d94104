import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { type EmbeddedPostgres, startEmbedded } from '../embedded/embedded.ts'
import { provisionDatabase, type RoleUrls, randomPasswords, withClient } from './roles.ts'
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

test('a verifier is the one that RFC 7677 gives for its example', async () => {
  // Section 3: user "user", password "pencil".
  const salt = Buffer.from('W22ZaJ0SNY7soEsUEjb6gQ==', 'base64')
  expect(await scramVerifier('pencil', salt)).toBe(
    'SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$' +
      'WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=',
  )
})

test('a password that clients would normalize is refused', async () => {
  for (const password of ['', 'naïve', 'two words', 'line\nbreak']) {
    await expect(scramVerifier(password)).rejects.toThrow('must be printable ASCII')
  }
})

test('the server never gets a password of a role as text, and takes it at sign-in (OPS-7)', async () => {
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
  const urls = (await provisionDatabase({ adminUrl, database: 'saas', passwords })) as RoleUrls
  expect(sent.filter((it) => it.includes('SCRAM-SHA-256'))).toHaveLength(4)
  for (const [role, password] of Object.entries(passwords)) {
    expect(sent.join('\n')).not.toContain(password)
    const url = urls[role as keyof RoleUrls]
    const { rows } = await withClient(url, (client) => client.query('select current_user as role'))
    expect(rows).toEqual([{ role: `tenantry_${role}` }])
    const wrong = url.replace(password, password.toUpperCase())
    await expect(withClient(wrong, async () => {})).rejects.toMatchObject({ code: '28P01' })
  }
})
