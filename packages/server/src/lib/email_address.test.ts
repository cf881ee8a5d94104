import { expect, test } from 'vitest'
import { emailKey } from './email_address.ts'

test.each([
  ['Ann@Example.COM', 'ann@example.com'],
  [' ann@example.com ', 'ann@example.com'],
  ['ann@BÜCHER.example', 'ann@bücher.example'],
  ['ann@bu\u0308cher.example', 'ann@bücher.example'],
  ['ann@xn--bcher-kva.example', 'ann@bücher.example'],
  ['ann@XN--BCHER-KVA.Example', 'ann@bücher.example'],
  ['ann@example。com', 'ann@example.com'],
  ['ann@ｅxample.com', 'ann@example.com'],
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
  // SMTP has no trailing dot in an address (RFC 5321, 2.3.5), unlike DNS.
  'ann@example.com.',
  // Each would be `ann@example.com` to the parser of URLs, and another domain to a mail server.
  'ann@example.com/.evil.example',
  'ann@example.com?.evil.example',
  'ann@example.com#.evil.example',
  'ann@example.com\\.evil.example',
  'ann@exam%70le.com',
  'ann@exam\u00adple.com',
  'ann@exam\u200bple.com',
  'ann@[127.0.0.1]',
  'ann@exa mple.com',
  'ann@example.com, bob@example.com',
])('%j is no e-mail address', (email) => {
  expect(emailKey(email)).toBeUndefined()
})
