import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { brotliCompress, constants, gzip } from 'node:zlib'
import type { Plugin } from 'vite'

const compressBrotli = promisify(brotliCompress)
const compressGzip = promisify(gzip)

// Smaller files do not leave fewer packets.
const MIN_BYTES = 1_000

/** Writes `.br` and `.gz` beside each text file, so that the server never compresses. */
export function compressFiles(): Plugin {
  let folder = ''
  return {
    name: 'tenantry-web:compress',
    apply: 'build',
    configResolved({ root, build }) {
      folder = join(root, build.outDir)
    },
    async writeBundle() {
      const names = await readdir(folder, { recursive: true })
      await Promise.all(names.filter((it) => /\.(css|html|js|svg)$/.test(it)).map(compress))
    },
  }

  async function compress(name: string): Promise<void> {
    const path = join(folder, name)
    const text = await readFile(path)
    if (text.length < MIN_BYTES) return
    const params = { [constants.BROTLI_PARAM_QUALITY]: 10 }
    const [br, gz] = await Promise.all([
      compressBrotli(text, { params }),
      compressGzip(text, { level: 9 }),
    ])
    await Promise.all([writeFile(`${path}.br`, br), writeFile(`${path}.gz`, gz)])
  }
}
