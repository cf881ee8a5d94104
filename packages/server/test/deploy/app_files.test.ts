import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseEnv } from 'node:util'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { loadConfig } from '../../src/config/config.ts'
import { settings } from '../../src/config/settings.ts'

const root = join(import.meta.dirname, '../../../..')
const read = (path: string) => readFileSync(join(root, path), 'utf8')
const published = readdirSync(join(root, 'packages'))

// What a new app has beside the starter.
describe('the files of a new app', () => {
  test('.env.example has settings only, with values that the app accepts', () => {
    const lines = read('packages/create-tenantry/files/.env.example').split('\n')
    const examples = lines.flatMap((it) => /^(?:# )?([A-Z_]+=.*)$/.exec(it)?.[1] ?? [])
    const values = parseEnv(examples.join('\n'))
    expect(Object.keys(values).length).toBeGreaterThan(5)
    expect(Object.keys(values).filter((it) => !(it in settings))).toEqual([])
    const { DB_URL, CORS_ORIGINS, LOG_LEVEL } = loadConfig(values)
    expect([DB_URL, CORS_ORIGINS, LOG_LEVEL]).toEqual([
      values['DB_URL'],
      [values['CORS_ORIGINS']],
      'debug',
    ])
  })

  test('the CI workflow runs scripts that the app has', () => {
    const workflow = parse(read('packages/create-tenantry/files/github/workflows/ci.yml'))
    const { scripts } = JSON.parse(read('starter/package.json'))
    const commands: string[] = workflow.jobs.ci.steps.flatMap(
      (it: { run?: string }) => it.run ?? [],
    )
    expect(commands).toContain('npm test')
    const run = commands.flatMap((it) => /^npm (?:run )?([\w:]+)/.exec(it)?.[1] ?? [])
    expect(run.filter((it) => it !== 'ci' && !(it in scripts))).toEqual([])
  })
})

test.each(published)(
  'the published package %s has a README and says where it comes from',
  (name) => {
    const { license, homepage, repository } = JSON.parse(read(`packages/${name}/package.json`))
    expect(existsSync(join(root, 'packages', name, 'README.md'))).toBe(true)
    expect([license, homepage]).toEqual(['MIT', expect.stringMatching(/^https:/)])
    expect(repository.directory).toBe(`packages/${name}`)
  },
)
