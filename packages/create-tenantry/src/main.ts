import { basename, join, relative, resolve } from 'node:path'
import { makeFirstCommit } from './first_commit.ts'
import { scaffold } from './scaffold.ts'
import { ScaffoldError } from './scaffold_error.ts'

/** Runs one command line and returns its exit code: 0, or 1 after a line with the reason. */
export function run(args: string[]): number {
  const [folder, ...more] = args
  if (folder === undefined || more.length > 0 || folder.startsWith('-')) {
    const asked = folder === '--help' || folder === '-h'
    if (asked) console.log(usage)
    else console.error(usage)
    return asked ? 0 : 1
  }
  try {
    const made = resolve(folder)
    scaffold({ folder: made, template: join(import.meta.dirname, 'template') })
    const remark = makeFirstCommit(made)
    console.log(nextSteps(made))
    if (remark !== undefined) console.log(`Note: ${remark}`)
    return 0
  } catch (error) {
    if (!(error instanceof ScaffoldError)) throw error
    console.error(`create-tenantry: ${error.message}`)
    return 1
  }
}

const usage = `Usage: npm create tenantry <folder>

Makes a multi-tenant SaaS backend in a new or empty folder, which gives it its name:
  $ npm create tenantry my-app`

function nextSteps(folder: string): string {
  const path = relative(process.cwd(), folder)
  const enter = path === '' ? '' : `  cd ${quoted(path)}\n`
  return `${basename(folder)} is ready. Next:\n\n${enter}  npm install\n  npm run build\n  npm start\n\nREADME.md has the first five minutes.\n`
}

/** As a shell needs it: unchanged, or in quotes if it has a space or another character that a shell interprets. */
function quoted(path: string): string {
  return /^[\w./\\:@+-]+$/.test(path) ? path : `"${path}"`
}
