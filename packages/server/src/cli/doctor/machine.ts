import { accessSync, constants, statSync } from 'node:fs'
import { dirname } from 'node:path'
import type { CommandConfig } from '../../config/config.ts'
import { OperatorError } from '../../lib/operator_error.ts'
import { assertPortFree } from '../../runtime/listeners/listen_port.ts'
import type { Check } from './check.ts'

const HEALTH_TIMEOUT_MS = 1_000

/** Checks what a server needs of its machine: the ports and the data folder. */
export async function checkMachine(config: CommandConfig): Promise<Check[]> {
  const { PORT, HOST, METRICS_PORT, METRICS_HOST, production, DATA_DIR } = config
  const server = `http://${HOST.includes(':') ? `[${HOST}]` : HOST}:${PORT}`
  // A server that runs already has both ports.
  if (await isServing(server)) {
    return [
      {
        name: 'port',
        state: 'ok',
        detail: `a server answers at ${server}; if it is another one, set PORT`,
      },
    ]
  }
  const checks = [await portCheck(PORT, HOST)]
  if (METRICS_PORT !== undefined) {
    checks.push(await portCheck(METRICS_PORT, METRICS_HOST, 'METRICS_'))
  }
  return production ? checks : [...checks, folderCheck(DATA_DIR)]
}

async function portCheck(port: number, host: string, prefix = ''): Promise<Check> {
  const name = 'port'
  try {
    await assertPortFree({ PORT: port, HOST: host }, prefix)
    return { name, state: 'ok', detail: `${prefix}PORT ${port} is free` }
  } catch (error) {
    return { name, state: 'fail', detail: error instanceof Error ? error.message : String(error) }
  }
}

async function isServing(url: string): Promise<boolean> {
  try {
    const signal = AbortSignal.timeout(HEALTH_TIMEOUT_MS)
    const reply = await fetch(`${url}/health/live`, { signal })
    return reply.ok && (await reply.text()).includes('"status"')
  } catch {
    return false
  }
}

function folderCheck(folder: string): Check {
  const name = 'data folder'
  try {
    assertWritable(folder)
    return { name, state: 'ok', detail: folder }
  } catch (error) {
    return { name, state: 'fail', detail: error instanceof Error ? error.message : String(error) }
  }
}

// A folder that does not exist yet is created by the start, in the closest one that does.
function assertWritable(folder: string): void {
  let existing = folder
  let found = statIfThere(existing)
  while (found === undefined) {
    existing = dirname(existing)
    found = statIfThere(existing)
  }
  if (!found.isDirectory()) {
    throw new OperatorError(`${existing} is not a folder: set DATA_DIR to one`)
  }
  try {
    accessSync(existing, constants.W_OK | constants.X_OK)
  } catch {
    throw new OperatorError(`this user may not write to ${existing}: set DATA_DIR elsewhere`)
  }
}

// Below a file there is nothing: ENOTDIR, which throwIfNoEntry does not cover on every platform.
function statIfThere(path: string) {
  try {
    return statSync(path)
  } catch {
    return undefined
  }
}
