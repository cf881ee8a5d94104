import { linkSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Logger } from 'pino'
import type { CommandConfig } from '../config/config.ts'
import { readIfThere } from '../db/embedded/process.ts'
import { explainFileErrors } from '../lib/file_errors.ts'
import { randomSecret, weakSecret } from '../lib/keys.ts'
import { OperatorError } from '../lib/operator_error.ts'

/**
 * The SECRET_KEY of the settings. Outside production, if none is set, one is generated once and stored
 * under DATA_DIR. Warns of a weak one; in production the settings have rejected it before.
 */
export async function secretKey(config: CommandConfig, log: Pick<Logger, 'warn'>): Promise<string> {
  const { SECRET_KEY, DATA_DIR, production } = config
  if (SECRET_KEY === undefined) {
    if (production) throw new OperatorError('SECRET_KEY is required in production')
    return explainFileErrors(DATA_DIR, async () => storedSecret(DATA_DIR))
  }
  const weakness = weakSecret(SECRET_KEY)
  if (weakness !== undefined) {
    log.warn(`SECRET_KEY ${weakness}: this is accepted for development and rejected in production`)
  }
  return SECRET_KEY
}

function storedSecret(dataDir: string): string {
  const file = join(dataDir, 'secret_key')
  const stored = readIfThere(file)?.trim()
  if (stored) return stored
  mkdirSync(dataDir, { recursive: true })
  const draft = `${file}.${process.pid}`
  writeFileSync(draft, `${randomSecret()}\n`, { mode: 0o600 })
  try {
    // Atomic: of two concurrent first starts one creates the file, and both read it.
    linkSync(draft, file)
  } catch (error) {
    if (readIfThere(file) === undefined) throw error
  } finally {
    rmSync(draft, { force: true })
  }
  return readIfThere(file)?.trim() ?? storedSecret(dataDir)
}
