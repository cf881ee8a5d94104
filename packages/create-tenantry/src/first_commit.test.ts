import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { makeFirstCommit } from './first_commit.ts'

const person = {
  GIT_AUTHOR_NAME: 'Ann',
  GIT_AUTHOR_EMAIL: 'ann@example.com',
  GIT_COMMITTER_NAME: 'Ann',
  GIT_COMMITTER_EMAIL: 'ann@example.com',
}

test('the app is a repository with one commit, without what .gitignore names', () => {
  const folder = newApp()
  expect(makeFirstCommit(folder, environment(person))).toBeUndefined()
  expect(git(folder, 'log', '--format=%s')).toBe('Create the app')
  expect(git(folder, 'ls-files').split('\n').sort()).toEqual(['.gitignore', 'app.ts'])
  expect(git(folder, 'status', '--porcelain')).toBe('')
})

test('in another repository nothing is committed', () => {
  const outer = newApp()
  git(outer, 'init')
  const folder = join(outer, 'apps/mine')
  mkdirSync(folder, { recursive: true })
  expect(makeFirstCommit(folder, environment(person))).toMatch(/repository around it/)
  expect(() => git(outer, 'log')).toThrow()
})

test('without a name for git the files are added, and the remark says what to do', () => {
  const folder = newApp()
  const nameless = {
    GIT_CONFIG_COUNT: '1',
    GIT_CONFIG_KEY_0: 'user.useConfigOnly',
    GIT_CONFIG_VALUE_0: 'true',
  }
  expect(makeFirstCommit(folder, environment(nameless))).toMatch(/set user.name and user.email/)
  expect(git(folder, 'diff', '--cached', '--name-only')).toContain('app.ts')
})

test('without git the app is complete', () => {
  expect(
    makeFirstCommit(newApp(), { PATH: mkdtempSync(join(tmpdir(), 'tenantry-empty-')) }),
  ).toMatch(/git is not installed/)
})

function newApp(): string {
  const folder = mkdtempSync(join(tmpdir(), 'tenantry-commit-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  writeFileSync(join(folder, '.gitignore'), '.env\n')
  writeFileSync(join(folder, '.env'), 'SECRET_KEY=x\n')
  writeFileSync(join(folder, 'app.ts'), '')
  return folder
}

// Without the settings of this machine.
function environment(more: Record<string, string>): NodeJS.ProcessEnv {
  const nowhere = { GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_SYSTEM: '/dev/null', HOME: tmpdir() }
  const PATH = [process.env['PATH'], dirname(process.execPath)].join(delimiter)
  return { PATH, ...nowhere, ...more }
}

function git(folder: string, ...args: string[]): string {
  const options = { cwd: folder, env: environment(person), stdio: 'pipe' } as const
  return execFileSync('git', args, options).toString().trim()
}
