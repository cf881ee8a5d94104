/** @typedef {{ path: string, imports: readonly string[] }} ImportingFile */

/**
 * The folders of the kernel as ARCHITECTURE.md lists them, each with its row. A folder may import from those of
 * later rows.
 * @param {string} document
 * @returns {Map<string, number>}
 */
export function folderOrder(document) {
  const [, section = ''] = document.split("## The kernel's folders\n")
  const [rows = ''] = section.split('\n## ')
  const cells = rows.split('\n').map((row) => /^\| (`.+?) \|/.exec(row)?.[1] ?? '')
  return new Map(
    cells.flatMap((cell, row) =>
      [...cell.matchAll(/`(\w+)\/`/g)].map(([, name = '']) => [name, row]),
    ),
  )
}

/**
 * The imports between folders directly under the kernel's src that the order does not allow. So the folders form no
 * cycle, also where no two files import each other. A sub-folder counts as its parent; tests may import anything.
 * @param {readonly ImportingFile[]} files
 * @param {Map<string, number>} order
 * @returns {string[]}
 */
export function importsUpwards(files, order) {
  return files.flatMap(({ path, imports }) => {
    const from = kernelFolder(path)
    if (from === undefined || path.endsWith('.test.ts')) return []
    const others = imports.filter((it) => (kernelFolder(it) ?? from) !== from)
    return others
      .filter((it) => !isBelow(order, kernelFolder(it), from))
      .map((it) => `${path} -> ${it}`)
  })
}

/**
 * @param {Map<string, number>} order
 * @param {string | undefined} folder
 * @param {string} other
 */
function isBelow(order, folder = '', other) {
  const [row, above] = [order.get(folder), order.get(other)]
  return row !== undefined && above !== undefined && row > above
}

/** @param {string} path */
function kernelFolder(path) {
  return /^packages\/server\/src\/([^/]+)\//.exec(path)?.[1]
}
