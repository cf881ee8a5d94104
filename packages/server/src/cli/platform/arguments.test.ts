import { expect, test } from 'vitest'
import { nameOf, personNameOf } from './arguments.ts'

test.each([
  ['contains a terminal escape', 'Evil\u001b[31m'],
  ['contains a terminal escape in one byte', 'Evil\u009b31m'],
  ['contains a line feed', 'Acme\nBcc: all@example.com'],
  ['contains a line separator', 'Acme\u2028Bcc'],
  ['is too long', 'a'.repeat(201)],
])('a name that %s is rejected', (_, name) => {
  for (const parse of [nameOf, personNameOf]) expect(() => parse(name)).toThrow(/^It must be/)
})

test('names are trimmed, in any script; only the name of a person may be empty', () => {
  expect(nameOf(' Ünïcode GmbH & Co. 株式会社 👩‍🔧 ')).toBe('Ünïcode GmbH & Co. 株式会社 👩‍🔧')
  expect(personNameOf(' ')).toBe('')
  expect(() => nameOf(' ')).toThrow('It must be 1 to 200 characters.')
})
