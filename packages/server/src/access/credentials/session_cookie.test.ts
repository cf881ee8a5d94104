import { expect, test } from 'vitest'
import { sessionCookie, setSessionCookie } from './session_cookie.ts'

const found = (...headers: string[]) => {
  const result = sessionCookie(
    headers.flatMap((it) => ['Cookie', it]),
    '__Host-tenantry',
  )
  return typeof result === 'object' ? result.token : result
}

test.each([
  ['alone', ['__Host-tenantry=a.b.c'], 'a.b.c'],
  ['among others', ['x=1; __Host-tenantry=a.b.c; y=2'], 'a.b.c'],
  ['without spaces', ['x=1;__Host-tenantry=a.b.c;y=2'], 'a.b.c'],
  ['in a second header', ['x=1', '__Host-tenantry=a.b.c'], 'a.b.c'],
  ['with an empty value', ['__Host-tenantry='], ''],
  ['in the value of another cookie', ['x=__Host-tenantry=a'], undefined],
  ['in the value of another cookie, after a space', ['x=1 __Host-tenantry=a'], undefined],
  ['as the end of another name', ['x__Host-tenantry=a'], undefined],
  ['as the start of another name', ['__Host-tenantry2=a'], undefined],
  ['in another case', ['__host-tenantry=a'], undefined],
  ['twice in one header', ['__Host-tenantry=a; __Host-tenantry=a'], 'ambiguous'],
  ['twice in two headers', ['__Host-tenantry=a', '__Host-tenantry=b'], 'ambiguous'],
  ['nowhere', [], undefined],
])('a session cookie %s is found as it must be', (_, headers, token) => {
  expect(found(...headers)).toBe(token)
})

test('a header of many cookies is searched in linear time', () => {
  const header = `x${' __Host-tenantry='.repeat(500)};${'x '.repeat(3_000)}`
  const startedAt = performance.now()
  for (let n = 0; n < 100; n++) found(header)
  // Some 10 ms; a search of quadratic time takes far longer.
  expect(performance.now() - startedAt).toBeLessThan(5_000)
})

test('the cookie of development has no Secure', () => {
  expect(setSessionCookie('tenantry-dev', 'a', 5)).toBe(
    'tenantry-dev=a; Path=/; Max-Age=5; HttpOnly; SameSite=Strict',
  )
})
