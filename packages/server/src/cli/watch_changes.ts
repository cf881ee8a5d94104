import { relative, sep } from 'node:path'
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

/**
 * Reports each file that is written, replaced, added or removed, by its name. Resolves when the watch has
 * begun, with the function that ends it.
 */
export async function watchChanges({
  paths,
  folder,
  onChange,
}: Watch): Promise<() => Promise<void>> {
  let timer: NodeJS.Timeout | undefined
  const watcher = watch([...paths], {
    ignoreInitial: true,
    ignored: (path) => !paths.includes(path) && isIgnored(relative(rootOf(paths, path), path)),
  })
  watcher.on('all', (event, path) => {
    if (event === 'addDir' || event === 'unlinkDir') return
    clearTimeout(timer)
    timer = setTimeout(() => onChange(relative(folder, path)), DEBOUNCE_MS)
  })
  // Without this listener a folder that may not be read would end the process.
  watcher.on('error', (error) => console.error(`tenantry: cannot watch every file: ${error}`))
  await new Promise<void>((resolve) => watcher.once('ready', resolve))
  return async () => {
    clearTimeout(timer)
    await watcher.close()
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
