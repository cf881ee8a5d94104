import { expect, test } from 'vitest'
import { nameOf, personNameOf } from './arguments.ts'

test.each([
  ['a terminal would obey', 'Evil\u001b[31m'],
  ['a terminal would obey, in one byte', 'Evil\u009b31m'],
  ['makes two lines', 'Acme\nBcc: all@example.com'],
  ['makes two lines elsewhere', 'Acme\u2028Bcc'],
  ['is too long', 'a'.repeat(201)],
])('a name that %s is refused', (_, name) => {
  for (const parse of [nameOf, personNameOf]) expect(() => parse(name)).toThrow(/^It must be/)
})

test('names are trimmed, in any script; a tenant has one and a person may have none', () => {
  expect(nameOf(' Ünïcode GmbH & Co. 株式会社 👩‍🔧 ')).toBe('Ünïcode GmbH & Co. 株式会社 👩‍🔧')
  expect(personNameOf(' ')).toBe('')
  expect(() => nameOf(' ')).toThrow('It must be 1 to 200 characters.')
})
