import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { app } from '../../test/fixtures/app/app.ts'
import { AppError } from '../lib/errors.ts'
import { startTestApp, type TestApp } from '../testing.ts'
import { assertAcceptablePassword } from './password_rules.ts'

let api: TestApp
beforeAll(async () => {
  api = await startTestApp(app)
})
afterAll(() => api.close())

const context = {
  email: 'jane.roe@example.com',
  full_name: 'Jane Roe',
  tenantName: 'Acme & Sons',
  subdomain: 'acme',
}

function rejects(password: string): boolean {
  try {
    assertAcceptablePassword(password, context)
    return false
  } catch (error) {
    if (error instanceof AppError && error.status === 422) return true
    throw error
  }
}

test('a password has 8 to 256 characters, of any kind (AUTHN-1)', () => {
  const lengths = [7, 8, 256, 257].map((it) => rejects('qwzxvkpljy'.repeat(26).slice(0, it)))
  expect(lengths).toEqual([true, false, false, true])
  const mixed = ['👩🏽‍🚀🦀🧵🪁🪐', 'дубрава над', ' two  spaces ', 'a\tb\tc\td\te']
  expect(mixed.map(rejects)).toEqual([false, false, false, false])
})

describe('a guessable password is rejected (AUTHN-2)', () => {
  test('through the API, with the reason', async () => {
    const tenant = await api.makeTenant({ name: 'Acme' })
    const { email } = await tenant.makeUser()
    await tenant.send({ method: 'POST', path: '/api/auth/forgot-password', body: { email } })
    const [mail] = await api.mailsTo(email)
    const token = /#token=([\w-]+)/.exec(mail?.text ?? '')?.[1]
    const choose = (new_password: string) =>
      tenant.send({
        method: 'POST',
        path: '/api/auth/reset-password',
        body: { token, new_password },
      })
    const cases: [string, RegExp][] = [
      ['aaaaaaaa', /repeated/],
      ['        ', /spaces/],
      ['acmeacme', /repeated/],
      ['Acme-Acme-1', /name/],
      ['2026acme', /name/],
    ]
    for (const [password, reason] of cases) {
      const reply = await choose(password)
      expect(reply.status).toBe(422)
      expect(reply.json.errors).toEqual([
        { pointer: '/new_password', message: expect.stringMatching(reason) },
      ])
    }
    expect((await choose('acme is where I keep my bees')).status).toBe(200)
  })

  test('a short sequence repeated, of any characters', () => {
    const unit = fc
      .array(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 1 }), {
        minLength: 1,
        maxLength: 4,
      })
      .map((it) => it.join('').normalize('NFC'))
      // Unicode composes some characters with the next one, which ends the repetition.
      .filter((it) => [...it].length <= 4 && it.repeat(2).normalize('NFC') === it.repeat(2))
    fc.assert(
      fc.property(unit, fc.integer({ min: 8, max: 63 }), (it, length) => {
        expect(rejects([...it.repeat(length)].slice(0, length).join(''))).toBe(true)
      }),
    )
    for (const it of ['aAaAaAaA', '12341234', 'abcdabcdab', '👍👎'.repeat(5)]) {
      expect([it, rejects(it)]).toEqual([it, true])
    }
  })

  test('white space alone', () => {
    const space = fc.constantFrom(' ', '\t', '\u00a0', '\u2003', '\u3000')
    fc.assert(fc.property(fc.string({ unit: space, minLength: 8, maxLength: 256 }), rejects))
  })

  test('a name with digits and punctuation before, between and after', () => {
    const name = fc.constantFrom('acme', 'ACME', 'Sons', 'jane', 'Roe', 'Jane.Roe', 'example.com')
    const filling = fc.string({ unit: fc.constantFrom(...'0123456789-_.!@# '), maxLength: 8 })
    const parts = fc.array(fc.tuple(filling, name), { minLength: 1, maxLength: 4 })
    fc.assert(
      fc.property(parts, filling, (named, end) => {
        const password = `${named.flat().join('')}${end}`.padEnd(8, '7')
        expect([password, rejects(password)]).toEqual([password, true])
      }),
    )
  })

  test('a common word between digits', () => {
    for (const it of ['password1234567', '2026password', '!!dragon!!', '2026-Monkey-1']) {
      expect([it, rejects(it)]).toEqual([it, true])
    }
  })
})

describe('there are no composition rules (ASVS 6.2.5)', () => {
  test('several dictionary words are accepted, a name among them', () => {
    const word = fc.constantFrom('correct', 'horse', 'battery', 'staple', 'otter', 'umbrella')
    const words = fc.uniqueArray(word, { minLength: 3, maxLength: 6 })
    fc.assert(
      fc.property(words, fc.constantFrom('', 'acme', 'jane '), (them, name) => {
        const password = name + them.join(' ')
        expect([password, rejects(password)]).toEqual([password, false])
      }),
    )
  })

  test('64 times one character is accepted, and so is a password without letters', () => {
    for (const it of ['👍'.repeat(64), 'x'.repeat(256), '84017395', '!?;:=)(&%$§!']) {
      expect([it, rejects(it)]).toEqual([it, false])
    }
  })

  test('checking the longest passwords and names takes little time', () => {
    const long = { ...context, full_name: 'ab '.repeat(80), tenantName: 'aab'.repeat(80) }
    const started = performance.now()
    for (const it of ['a', 'ab', 'aab', '1a', '!', ' !', 'a1!']) {
      const password = `${it.repeat(256).slice(0, 255)}z`
      try {
        assertAcceptablePassword(password, long)
      } catch {}
    }
    // A few milliseconds; what grows with a power of the length takes minutes.
    expect(performance.now() - started).toBeLessThan(5_000)
  })
})
