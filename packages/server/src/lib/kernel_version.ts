import { readFileSync } from 'node:fs'
import { z } from 'zod'

const Manifest = z.object({ version: z.string() })

/** The version of this package: `0.1.0`. */
export function kernelVersion(): string {
  const manifest = readFileSync(new URL('../../package.json', import.meta.url), 'utf8')
  return Manifest.parse(JSON.parse(manifest)).version
}
