import { existsSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { parseEnv } from 'node:util'
import { weakSecret } from '../lib/keys.ts'
import { OperatorError } from '../lib/operator_error.ts'
import type { Network, Setting } from './parsers.ts'
import { settings } from './settings.ts'

type Settings = typeof settings
type Parsed<K extends keyof Settings> = ReturnType<Settings[K]['parse']>
type Optional<K extends keyof Settings> = Settings[K] extends { fallback: string }
  ? Parsed<K>
  : Parsed<K> | undefined

/** The settings: read once, typed and frozen. The name of a time or a size ends in its unit. */
export type Config = Readonly<
  { [K in keyof Settings]: Optional<K> } & {
    production: boolean
    BASE_DOMAINS: string[]
    PUBLIC_ORIGIN: string
    TRUST_PROXY: Network[]
    CORS_ORIGINS: string[]
  }
>

/** The settings of a command. In production it may lack those that only a server needs. */
export type CommandConfig = Omit<Config, 'BASE_DOMAINS' | 'PUBLIC_ORIGIN'> & {
  readonly [K in 'BASE_DOMAINS' | 'PUBLIC_ORIGIN']?: Config[K]
}

/** The environment, and the `.env` of `folder` for variables that the environment does not set. */
export function readEnvironment(folder: string, environment = process.env): NodeJS.ProcessEnv {
  return { ...readEnvironmentFile(folder), ...environment }
}

/** The source of a setting's value: the environment, the `.env` of `folder`, or the default. */
export function sourceOfSetting(
  name: string,
  folder: string,
  environment = process.env,
): 'environment' | '.env' | 'default' {
  if (environment[name] !== undefined) return environment[name] === '' ? 'default' : 'environment'
  return readEnvironmentFile(folder)[name] ? '.env' : 'default'
}

/** The text that a setting is parsed from: the given value or the default. Undefined if there is none. */
export function textOfSetting(name: string, environment: NodeJS.ProcessEnv): string | undefined {
  const text = environment[name] || defaultsFor(environment)[name]
  return text === EMPTY_LIST ? undefined : text
}

/** Parses and checks the environment. Throws an OperatorError with a line for each fault. */
export function loadConfig(environment: NodeJS.ProcessEnv): Config {
  const { values, faults } = readSettings(environment)
  faults.push(...productionFaults(values.production, environment))
  if (faults.length > 0) throw new OperatorError(faults.join('\n'))
  // productionFaults has checked that no required setting is missing.
  return Object.freeze(values as Config)
}

/**
 * Like loadConfig, for a command that serves no requests: it does not need the settings that production
 * requires of a server. Throws an OperatorError with a line for each malformed setting.
 */
export function loadCommandConfig(environment: NodeJS.ProcessEnv): CommandConfig {
  const { values, faults } = readSettings(environment)
  if (faults.length > 0) throw new OperatorError(faults.join('\n'))
  return Object.freeze(values)
}

function readSettings(environment: NodeJS.ProcessEnv): { values: CommandConfig; faults: string[] } {
  const production = environment['NODE_ENV'] === 'production'
  const defaults = defaultsFor(environment)
  const faults: string[] = []
  const values: Record<string, unknown> = { production }
  for (const [name, setting] of Object.entries<Setting<unknown>>(settings)) {
    const given = environment[name] || defaults[name]
    if (given === undefined || given === '') continue
    try {
      values[name] = setting.parse(given)
    } catch (error) {
      if (!(error instanceof OperatorError)) throw error
      faults.push(
        `${name} ${error.message}${setting.secret ? '' : ` (it is ${JSON.stringify(given)})`}`,
      )
    }
  }
  return { values: values as CommandConfig, faults }
}

function readEnvironmentFile(folder: string): Record<string, string | undefined> {
  const file = resolve(folder, '.env')
  return existsSync(file) ? parseEnv(readFileSync(file, 'utf8')) : {}
}

function defaultsFor(environment: NodeJS.ProcessEnv): Record<string, string | undefined> {
  const production = environment['NODE_ENV'] === 'production'
  const fallbacks = Object.entries<Setting<unknown>>(settings).map(([name, it]) => [
    name,
    it.fallback,
  ])
  return {
    ...Object.fromEntries(fallbacks),
    TRUST_PROXY: EMPTY_LIST,
    CORS_ORIGINS: EMPTY_LIST,
    // As in the seed, PROD_ENV=prod keeps the tenant of localhost in production.
    ...(production && environment['PROD_ENV'] !== 'prod' ? {} : { DEFAULT_DEV_TENANT: 'public' }),
    ...(production ? {} : developmentOrigins(environment)),
  }
}

function developmentOrigins(environment: NodeJS.ProcessEnv): Record<string, string> {
  return {
    BASE_DOMAINS: 'localhost,local.com',
    PUBLIC_ORIGIN: `http://{tenant}.localhost${portSuffix(environment)}`,
  }
}

// A malformed PORT is reported on its own, and an origin does not contain port 80.
function portSuffix(environment: NodeJS.ProcessEnv): string {
  const port = Number(environment['PORT'] || settings.PORT.fallback)
  return Number.isInteger(port) && port >= 0 && port < 65_536 && port !== 80 ? `:${port}` : ''
}

// A list setting without a value is an empty list, not undefined.
const EMPTY_LIST = ','

function productionFaults(production: boolean, environment: NodeJS.ProcessEnv): string[] {
  if (!production) return []
  const required = ['DB_URL', 'DB_IDENTITY_URL', 'SECRET_KEY', 'BASE_DOMAINS', 'PUBLIC_ORIGIN']
  const missing = required
    .filter((name) => !environment[name])
    .map((name) => `${name} is required in production`)
  const weak = ['SECRET_KEY', 'SECRET_KEY_PREVIOUS'].flatMap((name) => {
    const weakness = environment[name] ? weakSecret(environment[name]) : undefined
    return weakness === undefined
      ? []
      : [`${name} ${weakness}; generate one with: openssl rand -base64 48`]
  })
  const limits =
    environment['RATE_LIMIT'] === 'off' ? ['RATE_LIMIT=off is not allowed in production'] : []
  return [...missing, ...weak, ...limits]
}
