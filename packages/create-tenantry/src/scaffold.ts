import { randomBytes } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { assertPackageName, projectOf, titleOf } from './package_name.ts'
import { ScaffoldError } from './scaffold_error.ts'

export interface ScaffoldOptions {
  /** A new or an empty folder. The app gets its name. */
  folder: string
  template: string
}

/** A file of the new app. */
interface NewFile {
  path: string
  content: string
  mode: number
}

/**
 * Writes a new app. If it fails, it throws a ScaffoldError and leaves the folder unchanged.
 */
export function scaffold({ folder, template }: ScaffoldOptions): void {
  const files = filesOf(template, basename(folder))
  assertEmpty(folder)
  // The topmost folder that was created: removing it removes everything that was written.
  const made = attempt(folder, () => mkdirSync(folder, { recursive: true }))
  try {
    attempt(folder, () => writeAll(folder, files))
  } catch (error) {
    if (made !== undefined) rmSync(made, { recursive: true, force: true })
    else removeAll(folder, files)
    throw error
  }
}

function filesOf(template: string, name: string): NewFile[] {
  const manifest: { dependencies: object; devDependencies: object } = JSON.parse(
    readFileSync(join(template, 'package.json'), 'utf8'),
  )
  const { dependencies, devDependencies } = manifest
  assertPackageName(name, Object.keys({ ...dependencies, ...devDependencies }))
  const title = titleOf(name)
  const copied = readdirSync(template, { recursive: true, withFileTypes: true })
    .filter((it) => it.isFile())
    .map((it) => join(it.parentPath, it.name))
    .map((file) => ({
      // npm leaves .gitignore out of packages, and .github is named alike.
      path: file.slice(template.length + 1).replace(/^git(?=ignore$|hub[\\/])/, '.git'),
      content: readFileSync(file, 'utf8')
        .replaceAll('Tenantry Starter', title)
        .replaceAll('tenantry-starter', projectOf(name)),
      mode: 0o644,
    }))
  const named = { path: 'package.json', content: json({ name, ...manifest }), mode: 0o644 }
  const others = copied.filter(({ path }) => path !== named.path)
  return [...others, named, environmentFile(), containersEnvironment(template)]
}

// Readable by its owner only: every key of the app is derived from it.
function environmentFile(): NewFile {
  const secret = randomBytes(48).toString('base64')
  const content = `# Every key is derived from it. Never committed; another for each installation.\nSECRET_KEY=${secret}\n`
  return { path: '.env', content, mode: 0o600 }
}

// What .env.example asks for: a secret for each name without a value.
function containersEnvironment(template: string): NewFile {
  const example = readFileSync(join(template, 'deploy/.env.example'), 'utf8')
  const content = example.replaceAll(/^\w+=$/gm, (it) => it + randomBytes(32).toString('hex'))
  return { path: join('deploy', '.env'), content, mode: 0o600 }
}

function assertEmpty(folder: string): void {
  // `git init` may have run before.
  const found = attempt(folder, () => entriesOf(folder)).filter((it) => it !== '.git')
  if (found.length === 0) return
  const some = found.slice(0, 3).join(', ')
  throw new ScaffoldError(`${folder} is not empty (it has ${some}): name a new or an empty folder`)
}

function entriesOf(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return []
    throw error
  }
}

function writeAll(folder: string, files: NewFile[]): void {
  for (const { path, content, mode } of files) {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), content, { flag: 'wx', mode })
  }
}

function removeAll(folder: string, files: NewFile[]): void {
  for (const top of new Set(files.map(({ path }) => path.split(/[\\/]/)[0] ?? path))) {
    rmSync(join(folder, top), { recursive: true, force: true })
  }
}

function attempt<T>(folder: string, work: () => T): T {
  try {
    return work()
  } catch (cause) {
    throw new ScaffoldError(reasonOf(folder, cause), { cause })
  }
}

function reasonOf(folder: string, cause: unknown): string {
  const code = codeOf(cause)
  if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS') {
    return `no permission to write in ${folder}: choose another place`
  }
  if (code === 'ENOTDIR' || code === 'EEXIST') {
    return `${folder} is or lies in a file: name a new or an empty folder`
  }
  return `nothing was made in ${folder}: ${cause instanceof Error ? cause.message : String(cause)}`
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error ? String(error.code) : undefined
}

function json(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`
}
