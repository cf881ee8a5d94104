import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { parseEnv } from 'node:util'
import { errorCode } from '../lib/file_errors.ts'
import { OperatorError } from '../lib/operator_error.ts'

/** Names the file: an environment variable, so that the child of `tenantry dev` reads the same one. */
export const CHOSEN_FILE = 'TENANTRY_ENV_FILE'

/**
 * The variables of the file that `--env-file` names, otherwise of the `.env` of `folder`. Production
 * reads no `.env`: it may be a developer's that was left behind.
 */
export function readEnvironmentFile(
  folder: string,
  environment: NodeJS.ProcessEnv,
): Record<string, string | undefined> {
  const { [CHOSEN_FILE]: chosen } = environment
  if (chosen === undefined && environment['NODE_ENV'] === 'production') return {}
  try {
    return parseEnvironment(readFileSync(chosen ?? resolve(folder, '.env')))
  } catch (error) {
    if (chosen === undefined && errorCode(error) === 'ENOENT') return {}
    const reason = error instanceof Error ? error.message : String(error)
    throw new OperatorError(`cannot read ${chosen ?? '.env'}: ${reason}`, { cause: error })
  }
}

/** Parses a file as editors write it: with a byte order mark, CRLF, quotes, or `export` before a name. */
export function parseEnvironment(content: Buffer): Record<string, string | undefined> {
  const isUtf16 = content[0] === 0xff && content[1] === 0xfe
  const text = content.toString(isUtf16 ? 'utf16le' : 'utf8').replace(/^\uFEFF/, '')
  return parseEnv(text.replaceAll(/\r\n?/g, '\n'))
}
