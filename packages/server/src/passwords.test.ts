import { hash as bcrypt } from '@node-rs/bcrypt'
import { expect, test } from 'vitest'
import { createPasswords } from './passwords.ts'

const passwords = createPasswords()

const ROUNDS = 10

// By turns, so that whatever else keeps the machine busy slows both.
async function costs(stored: string): Promise<{ nobody: number; known: number }> {
  const nobody: number[] = []
  const known: number[] = []
  for (let i = 0; i < ROUNDS; i++) {
    nobody.push(await millisecondsOf(null))
    known.push(await millisecondsOf(stored))
  }
  return { nobody: Math.min(...nobody), known: Math.min(...known) }
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
  const { nobody, known } = await costs(stored)
  expect(known).toBeGreaterThan(nobody / 2)
})

test('an imported bcrypt hash costs no less than an argon2id one (AUTHN-4)', async () => {
  const { nobody, known } = await costs(await bcrypt('right password', 4))
  expect(known).toBeGreaterThan(nobody / 2)
})

test('what was imported is checked, and replaced once it is right', async () => {
  const imported = await bcrypt('right password', 4)
  const right = await passwords.check('right password', imported)
  expect(right).toEqual({ valid: true, rehash: true })
  const own = await passwords.hash('right password')
  expect(await passwords.check('right password', own)).toEqual({ valid: true, rehash: false })
})
