import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

/**
 * Formats files of an app that has Biome and a configuration for it, and leaves those of any other as
 * they are. Gives what Biome says where it does not accept them.
 */
export function formatWithBiome(
  folder: string,
  source: string,
  files: string[],
): string | undefined {
  const biome = biomeOf(source)
  if (biome === undefined || !isConfigured(source)) return undefined
  const args = ['check', '--write', '--colors=off', '--no-errors-on-unmatched', ...files]
  const run = spawnSync(process.execPath, [biome, ...args], { cwd: folder, encoding: 'utf8' })
  return run.status === 0 ? undefined : (run.error?.message ?? run.stderr.trim())
}

function biomeOf(source: string): string | undefined {
  try {
    return createRequire(join(source, 'app.ts')).resolve('@biomejs/biome/bin/biome')
  } catch {
    return undefined
  }
}

// Without one, Biome's own defaults (tabs, double quotes) would rewrite app.ts.
function isConfigured(folder: string): boolean {
  if (['biome.json', 'biome.jsonc'].some((it) => existsSync(join(folder, it)))) return true
  return dirname(folder) !== folder && isConfigured(dirname(folder))
}
