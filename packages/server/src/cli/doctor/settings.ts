import {
  type CommandConfig,
  type Config,
  loadCommandConfig,
  loadConfig,
  readEnvironment,
  sourceOfSetting,
  textOfSetting,
} from '../../config/config.ts'
import { misspelledSettings } from '../../config/misspelled_settings.ts'
import type { Setting } from '../../config/parsers.ts'
import { settings } from '../../config/settings.ts'
import { weakSecret } from '../../lib/keys.ts'
import { OperatorError } from '../../lib/operator_error.ts'
import type { Check } from './check.ts'

/** A setting for display. A secret is masked. */
export interface ShownSetting {
  name: string
  value: string | undefined
  /** `environment`, the name of the environment file, or `default`. */
  source: string
}

/** All settings in this folder, with masked secrets. */
export function shownSettings(folder: string): ShownSetting[] {
  const environment = readEnvironment(folder)
  return Object.entries<Setting<unknown>>(settings).map(([name, { secret }]) => {
    const text = textOfSetting(name, environment)
    const value = text !== undefined && secret ? masked(text) : text
    return { name, value, source: sourceOfSetting(name, folder) }
  })
}

/** Checks the settings. Also returns the config, if it suffices to check the database. */
export function checkSettings(folder: string): { checks: Check[]; config?: CommandConfig } {
  const environment = readEnvironment(folder)
  const misspelled = misspelledSettings(environment).map(
    (detail): Check => ({ name: 'settings', state: 'warn', detail }),
  )
  try {
    const config = loadConfig(environment)
    return { checks: [okSettings(config), ...misspelled, secretCheck(config)], config }
  } catch (error) {
    if (!(error instanceof OperatorError)) throw error
    const checks = error.message.split('\n').map((detail) => fault('settings', detail))
    return { checks: [...checks, ...misspelled], ...usable(environment) }
  }
}

// If settings are merely missing, the database can still be checked.
function usable(environment: NodeJS.ProcessEnv): { config?: CommandConfig } {
  try {
    return { config: loadCommandConfig(environment) }
  } catch {
    return {}
  }
}

function okSettings({ production }: Config): Check {
  const mode = production ? 'production' : 'development (NODE_ENV is not production)'
  return { name: 'settings', state: 'ok', detail: mode }
}

function secretCheck({ SECRET_KEY }: Config): Check {
  const name = 'secret key'
  if (SECRET_KEY === undefined) return { name, state: 'ok', detail: 'stored under DATA_DIR' }
  const weakness = weakSecret(SECRET_KEY)
  if (weakness === undefined) return { name, state: 'ok', detail: 'set' }
  return {
    name,
    state: 'warn',
    detail: `SECRET_KEY ${weakness}; production does not start with it`,
  }
}

function fault(name: string, detail: string): Check {
  return { name, state: 'fail', detail }
}

/** A masked secret: its size, or a URL without its password. */
export function masked(secret: string): string {
  if (!URL.canParse(secret)) return `(${Buffer.byteLength(secret)} bytes)`
  const url = new URL(secret)
  if (url.password !== '') url.password = '***'
  // A parameter of the URL can hold a password too.
  for (const name of url.searchParams.keys()) {
    if (/pass|secret|key/i.test(name)) url.searchParams.set(name, '***')
  }
  return url.href
}
