import { expect, test } from 'vitest'
import { emailKey } from './email_address.ts'

test.each([
  ['Ann@Example.COM', 'ann@example.com'],
  [' ann@example.com ', 'ann@example.com'],
  ['ann@BÜCHER.example', 'ann@bücher.example'],
  ['ann@bu\u0308cher.example', 'ann@bücher.example'],
  ['ann@xn--bcher-kva.example', 'ann@bücher.example'],
  ['ann@XN--BCHER-KVA.Example', 'ann@bücher.example'],
  ['ann@straße.example', 'ann@straße.example'],
  ['ann@xn--strae-oqa.example', 'ann@straße.example'],
])('%j has the key %j', (email, key) => {
  expect(emailKey(email)).toBe(key)
  expect(emailKey(key)).toBe(key)
})

test.each([
  'ann',
  'ann@',
  '@example.com',
  'ann@xn--.example',
  'ann@xn--zz9999999.example',
  'a@b@example.com',
  'ann@exa mple.com',
  'ann@example.com, bob@example.com',
])('%j is no e-mail address', (email) => {
  expect(emailKey(email)).toBeUndefined()
})
