import { readdir, stat } from 'node:fs/promises'
import { join, relative, sep } from 'node:path'
import { watch } from 'chokidar'

export interface Watch {
  /** Folders and files; one that does not exist yet is reported when it is created. */
  paths: readonly string[]
  /** What names are relative to. */
  folder: string
  onChange(changed: string): void
}

/** An editor writes several files for one change: a temporary one, the new one, its backup. */
const DEBOUNCE_MS = 80
/** How late a change is noticed whose event was lost. */
const POLL_MS = 2_000

/**
 * Reports each file that is written, replaced, added or removed, by its name. Resolves when the watch has
 * begun, with the function that ends it.
 *
 * Events say only when to look: the system drops some of them, and a watch of a file that was replaced begins
 * anew too late. What changed is found by comparing the files with those of the last look.
 */
export async function watchChanges({
  paths,
  folder,
  onChange,
}: Watch): Promise<() => Promise<void>> {
  const ignored = (path: string) =>
    !paths.includes(path) && isIgnored(relative(rootOf(paths, path), path))
  let known = await findFiles(paths, ignored)
  let timer: NodeJS.Timeout | undefined
  let poll: NodeJS.Timeout | undefined
  let isClosed = false
  const look = async () => {
    const found = await findFiles(paths, ignored)
    const changed = findChanged(known, found)
    known = found
    if (changed !== undefined && !isClosed) onChange(relative(folder, changed))
  }
  // One at a time: a look that began earlier must not end later. One that fails is made up for by a poll.
  let last = Promise.resolve()
  const soon = () => {
    clearTimeout(timer)
    if (isClosed) return
    timer = setTimeout(() => (last = last.then(look).catch(report)), DEBOUNCE_MS)
  }
  // A file may be in the midst of being written: what a poll finds waits like an event.
  const seek = async () => {
    if (findChanged(known, await findFiles(paths, ignored)) !== undefined) soon()
  }
  const pollLater = () => {
    if (!isClosed) poll = setTimeout(() => seek().catch(report).then(pollLater), POLL_MS)
  }
  const watcher = watch([...paths], { ignoreInitial: true, ignored })
  watcher.on('all', soon)
  // Without this listener a folder that may not be read would end the process.
  watcher.on('error', report)
  await new Promise<void>((resolve) => watcher.once('ready', resolve))
  pollLater()
  return async () => {
    isClosed = true
    clearTimeout(poll)
    clearTimeout(timer)
    await watcher.close()
    await last
  }
}

function report(error: unknown): void {
  console.error(`tenantry: cannot watch every file: ${error}`)
}

/** Each file by its path, with what differs once it is written or replaced. */
type Files = Map<string, string>

async function findFiles(
  paths: readonly string[],
  ignored: (path: string) => boolean,
): Promise<Files> {
  const files: Files = new Map()
  const add = async (path: string, above: readonly string[]): Promise<void> => {
    const found = await unlessAbsent(stat(path, { bigint: true }))
    if (found?.isFile()) files.set(path, `${found.ino} ${found.mtimeNs} ${found.size}`)
    const folder = `${found?.dev} ${found?.ino}`
    // A link to a folder above has no end.
    if (!found?.isDirectory() || above.includes(folder)) return
    const names = (await unlessAbsent(readdir(path))) ?? []
    const inside = names.map((name) => join(path, name)).filter((it) => !ignored(it))
    await Promise.all(inside.map((it) => add(it, [...above, folder])))
  }
  await Promise.all(paths.map((path) => add(path, [])))
  return files
}

function findChanged(before: Files, after: Files): string | undefined {
  const paths = [...after.keys(), ...before.keys()]
  return paths.find((path) => before.get(path) !== after.get(path))
}

// Any other error, as of too many open files, must not look like files that were removed.
async function unlessAbsent<Found>(found: Promise<Found>): Promise<Found | undefined> {
  try {
    return await found
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    if (['ENOENT', 'ENOTDIR', 'EACCES', 'ELOOP'].includes(String(code))) return undefined
    throw error
  }
}

// A folder above the app may have any name, also one that begins with a dot.
function rootOf(paths: readonly string[], path: string): string {
  const roots = paths.filter((it) => path.startsWith(it + sep))
  return roots.toSorted((a, b) => a.length - b.length)[0] ?? path
}

function isIgnored(name: string): boolean {
  return (
    name.split(sep).some((part) => part === 'node_modules' || part.startsWith('.')) ||
    /~$|\.(swp|tmp)$|\.test\.[jt]s$/.test(name)
  )
}
