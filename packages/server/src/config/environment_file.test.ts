import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { takeEnvironmentFile } from './config.ts'
import { parseEnvironment, readEnvironmentFile } from './environment_file.ts'

const folder = mkdtempSync(join(tmpdir(), 'tenantry-env-'))
const other = join(folder, 'other.env')
writeFileSync(join(folder, '.env'), 'PORT=1')
writeFileSync(other, 'PORT=2')
afterAll(() => rmSync(folder, { recursive: true }))

describe('an environment file is read as editors write it', () => {
  test.each([
    ['plain', 'A=1\nB=two words\n'],
    ['with CRLF', 'A=1\r\nB=two words\r\n'],
    ['with CR', 'A=1\rB=two words\r'],
    ['with a byte order mark', '\uFEFFA=1\nB=two words'],
    ['with quotes', `A="1"\r\nB='two words'\r\n`],
    ['with export', 'export A=1\nexport B="two words"'],
    ['with blanks and comments', '  A = 1  # one\n\n# B=3\nB="two words" # two'],
  ])('%s', (_how, text) => {
    expect({ ...parseEnvironment(Buffer.from(text)) }).toEqual({ A: '1', B: 'two words' })
  })

  test('in UTF-16, as Windows calls Unicode', () => {
    const content = Buffer.from('\uFEFFA=1\r\nB="two words"', 'utf16le')
    expect({ ...parseEnvironment(content) }).toEqual({ A: '1', B: 'two words' })
  })
})

test('production reads no .env, but the file that --env-file names', () => {
  const portIn = (environment: NodeJS.ProcessEnv) =>
    readEnvironmentFile(folder, environment)['PORT']
  expect(portIn({})).toBe('1')
  expect(portIn({ NODE_ENV: 'production' })).toBeUndefined()
  for (const args of [
    ['start', '--env-file', other],
    [`--env-file=${other}`, 'start'],
  ]) {
    const environment: NodeJS.ProcessEnv = { NODE_ENV: 'production' }
    expect(takeEnvironmentFile(args, environment)).toEqual(['start'])
    expect(portIn(environment)).toBe('2')
  }
  expect(takeEnvironmentFile(['start', '--json'], {})).toEqual(['start', '--json'])
  expect(() => takeEnvironmentFile(['start', '--env-file'], {})).toThrow('needs the name of a file')
})
