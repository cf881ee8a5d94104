import { randomBytes } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { busyLoad, cpuAgainst } from '../contest.ts'
import type { Figure } from '../figure.ts'

/** A script of a page, compressed. */
const BYTES = 30_000

export const staticAsset: Figure = {
  name: 'static-asset',
  what: 'a compressed script of 30 kB of the pages: CPU per request against a bare `node:http` that sends the same bytes',
  target: { atMost: 2 },
  unit: ' x',
  async measure(bench) {
    // In addition to what was built, if anything was.
    const assets = join(bench.app.folder, 'web/dist/assets')
    const consoleFolder = join(bench.app.folder, 'web/dist/console')
    await mkdir(assets, { recursive: true })
    await mkdir(consoleFolder, { recursive: true })
    await writeFile(join(consoleFolder, 'index.html'), '<!doctype html>')
    // What is compressed is as random as this, and its content does not matter: it is not decoded.
    const ASSET = join(assets, 'bench-00000000.js.br')
    await writeFile(join(assets, 'bench-00000000.js'), '// of a benchmark')
    await writeFile(ASSET, randomBytes(BYTES))
    const server = await bench.startApp()
    const bare = await bench.startPeer('bare_asset', { ASSET })
    const headers = { host: 'any.app.test', 'accept-encoding': 'gzip, deflate, br' }
    const requests = [{ path: '/assets/bench-00000000.js', headers }]
    const other = { name: 'bare node:http', server: bare }
    return cpuAgainst(await bench.startLoader(), { requests, server, other }, busyLoad)
  },
}
