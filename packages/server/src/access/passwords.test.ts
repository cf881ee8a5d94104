import { hash as argon2 } from '@node-rs/argon2'
import { hash as bcrypt } from '@node-rs/bcrypt'
import { expect, test } from 'vitest'
import { createPasswords } from './passwords.ts'

const passwords = createPasswords()

const MAX_ROUNDS = 100

// Compares the fastest of many alternating runs: load on the machine slows both kinds, and no run of
// argon2id is fast by chance.
async function expectCostOfNoUser(stored: string): Promise<void> {
  let [unknown, known] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY]
  for (let round = 0; round < MAX_ROUNDS; round++) {
    unknown = Math.min(unknown, await millisecondsOf(null))
    known = Math.min(known, await millisecondsOf(stored))
    if (round >= 3 && known > unknown / 2) return
  }
  expect(known).toBeGreaterThan(unknown / 2)
}

async function millisecondsOf(stored: string | null): Promise<number> {
  const started = performance.now()
  expect(await passwords.check('wrong password', stored)).toMatchObject({ valid: false })
  return performance.now() - started
}

test.each([
  [
    'a hash of an unknown scheme',
    '$scrypt$ln=16,r=8,p=1$aM15713r3Xsvxbi31lqr1Q$nFNh2CVHVjNldFVKDHDlm4CbdRSCdEBs',
  ],
  ['an empty hash', ''],
  ['a marker for "no password"', '!'],
  ['half an argon2 hash', '$argon2id$v=19$m=19456,t=2,p=1$Bpaxk8LEc'],
  ['half a bcrypt hash', '$2b$12$abc'],
  ['half a passlib hash', '$bcrypt-sha256$v=2,t=2b,r=12$abc'],
  ['a bcrypt hash of an impossible cost', `$2b$99$${'a'.repeat(53)}`],
])('%s is rejected, at the cost of an unknown user (AUTHN-4)', async (_, stored) => {
  await expectCostOfNoUser(stored)
})

test('an imported bcrypt hash costs no less than an argon2id one (AUTHN-4)', async () => {
  await expectCostOfNoUser(await bcrypt('right password', 4))
})

test('an imported hash is checked, and replaced after the right password', async () => {
  const imported = await bcrypt('right password', 4)
  const right = await passwords.check('right password', imported)
  expect(right).toEqual({ valid: true, rehash: true })
  const own = await passwords.hash('right password')
  expect(await passwords.check('right password', own)).toEqual({ valid: true, rehash: false })
})

const COMPOSED = 'caf\u00e9 \u1e9b\u0323 r\u00e9sum\u00e9'

test.each([
  ['NFC', COMPOSED.normalize('NFC')],
  ['NFD', COMPOSED.normalize('NFD')],
  ['other spaces', COMPOSED.replaceAll(' ', '\u00a0')],
])('a password is the same in %s, whichever form was hashed', async (_, form) => {
  expect(await passwords.check(form, await passwords.hash(COMPOSED))).toEqual({
    valid: true,
    rehash: false,
  })
  expect((await passwords.check(COMPOSED, await passwords.hash(form))).valid).toBe(true)
})

test('an imported hash of any form is accepted and replaced', async () => {
  for (const form of [COMPOSED.normalize('NFC'), COMPOSED.normalize('NFD')]) {
    const imported = [await bcrypt(form, 4), await argon2(form)]
    for (const stored of imported) {
      const check = await passwords.check(COMPOSED.normalize('NFC'), stored)
      expect(check.valid).toBe(true)
      if (form !== COMPOSED.normalize('NFC')) expect(check.rehash).toBe(true)
      expect((await passwords.check(COMPOSED.normalize('NFD'), stored)).valid).toBe(true)
    }
    expect((await passwords.check(`${COMPOSED}x`, imported[0])).valid).toBe(false)
  }
})

test('an unknown user costs as many hashes as a known one in every form', async () => {
  const stored = await passwords.hash('right password')
  const time = async (of: string | null) => {
    const started = performance.now()
    await passwords.check(COMPOSED, of)
    return performance.now() - started
  }
  let [unknown, known] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY]
  for (let round = 0; round < 20; round++) {
    unknown = Math.min(unknown, await time(null))
    known = Math.min(known, await time(stored))
    if (round >= 3 && known < unknown * 1.5 && unknown < known * 1.5) return
  }
  expect(known / unknown).toBeCloseTo(1, 0)
})
