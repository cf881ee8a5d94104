import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { OperatorError } from '../../lib/operator_error.ts'

/** `tenantry new environment`: `.env` from `.env.example`, with a secret for each name without a value. */
export async function newEnvironment(folder: string): Promise<void> {
  const [example, target] = ['.env.example', '.env'].map((it) => join(folder, it)) as [
    string,
    string,
  ]
  if (!existsSync(example))
    throw new OperatorError(`there is no ${example}: name the folder of the Compose files`)
  if (existsSync(target))
    throw new OperatorError(`${target} exists and is not overwritten: edit it, or move it`)
  const secrets: string[] = []
  const content = readFileSync(example, 'utf8').replaceAll(/^(\w+)=$/gm, (line, name) => {
    secrets.push(name)
    return line + randomBytes(32).toString('hex')
  })
  // Readable by its owner only.
  writeFileSync(target, content, { mode: 0o600, flag: 'wx' })
  console.log(`wrote ${target}, with a secret of its own for ${secrets.join(', ')}`)
}
