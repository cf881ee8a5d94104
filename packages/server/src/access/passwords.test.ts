import { hash as bcrypt } from '@node-rs/bcrypt'
import { expect, test } from 'vitest'
import { createPasswords } from './passwords.ts'

const passwords = createPasswords()

const MAX_ROUNDS = 100

// By turns and by the quickest of each, for as long as it takes: whatever else keeps the machine busy
// slows both, and no luck makes quick work of an argon2id hash.
async function expectCostOfNobody(stored: string): Promise<void> {
  let [nobody, known] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY]
  for (let round = 0; round < MAX_ROUNDS; round++) {
    nobody = Math.min(nobody, await millisecondsOf(null))
    known = Math.min(known, await millisecondsOf(stored))
    if (round >= 3 && known > nobody / 2) return
  }
  expect(known).toBeGreaterThan(nobody / 2)
}

async function millisecondsOf(stored: string | null): Promise<number> {
  const started = performance.now()
  expect(await passwords.check('wrong password', stored)).toMatchObject({ valid: false })
  return performance.now() - started
}

test.each([
  [
    'an unknown scheme',
    '$scrypt$ln=16,r=8,p=1$aM15713r3Xsvxbi31lqr1Q$nFNh2CVHVjNldFVKDHDlm4CbdRSCdEBs',
  ],
  ['nothing', ''],
  ['a marker for "no password"', '!'],
  ['half an argon2 hash', '$argon2id$v=19$m=19456,t=2,p=1$Bpaxk8LEc'],
  ['half a bcrypt hash', '$2b$12$abc'],
  ['half a passlib hash', '$bcrypt-sha256$v=2,t=2b,r=12$abc'],
  ['bcrypt of a cost that there is not', `$2b$99$${'a'.repeat(53)}`],
])('%s for a hash costs what no user costs, and lets nobody in (AUTHN-4)', async (_, stored) => {
  await expectCostOfNobody(stored)
})

test('an imported bcrypt hash costs no less than an argon2id one (AUTHN-4)', async () => {
  await expectCostOfNobody(await bcrypt('right password', 4))
})

test('what was imported is checked, and replaced once it is right', async () => {
  const imported = await bcrypt('right password', 4)
  const right = await passwords.check('right password', imported)
  expect(right).toEqual({ valid: true, rehash: true })
  const own = await passwords.hash('right password')
  expect(await passwords.check('right password', own)).toEqual({ valid: true, rehash: false })
})
