import { relative, resolve } from 'node:path'
import { isLoopbackHost } from '../lib/net/hostname.ts'
import { OperatorError } from '../lib/operator_error.ts'
import { CHOSEN_FILE, readEnvironmentFile } from './environment_file.ts'
import type { Network, Setting } from './parsers.ts'
import { productionFaults } from './production.ts'
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
    APP_HOST: string
    BASE_DOMAINS: string[]
    PUBLIC_ORIGIN: string
    TRUST_PROXY: Network[]
    CORS_ORIGINS: string[]
    DOCS: 'on' | 'off'
    SIGN_UP: 'on' | 'off'
    SESSION_IDLE_DAYS: number
  }
>

/** The settings of a command. In production it may lack those that only a server needs. */
export type CommandConfig = Omit<Config, ServerOnly> & { readonly [K in ServerOnly]?: Config[K] }

type ServerOnly = 'APP_HOST' | 'BASE_DOMAINS' | 'PUBLIC_ORIGIN'

/** Takes `--env-file NAME` out of a command line, and makes the process read NAME instead of `.env`. */
export function takeEnvironmentFile(args: readonly string[], environment = process.env): string[] {
  const at = args.findIndex((it) => it === '--env-file' || it.startsWith('--env-file='))
  const found = args[at]
  if (found === undefined) return [...args]
  const isSeparate = found === '--env-file'
  const name = isSeparate ? args[at + 1] : found.slice('--env-file='.length)
  if (!name) throw new OperatorError('--env-file needs the name of a file')
  environment[CHOSEN_FILE] = resolve(name)
  return args.filter((_, index) => index !== at && !(isSeparate && index === at + 1))
}

/** The environment, and the `.env` of `folder` for variables that the environment does not set. */
export function readEnvironment(folder: string, environment = process.env): NodeJS.ProcessEnv {
  return { ...readEnvironmentFile(folder, environment), ...environment }
}

/** The environment as if NODE_ENV were production, and the variables among it from the chosen file. */
export function readForProduction(folder: string, environment = process.env) {
  const production = { ...environment, NODE_ENV: 'production' }
  const file = readEnvironmentFile(folder, production)
  return { environment: readEnvironment(folder, production), file }
}

/** The source of a setting's value: `environment`, the name of the environment file, or `default`. */
export function sourceOfSetting(name: string, folder: string, environment = process.env): string {
  if (environment[name] !== undefined) return environment[name] === '' ? 'default' : 'environment'
  const file = relative(folder, environment[CHOSEN_FILE] ?? resolve(folder, '.env'))
  return readEnvironmentFile(folder, environment)[name] ? file : 'default'
}

/** The text that a setting is parsed from: the given value or the default. Undefined if there is none. */
export function textOfSetting(name: string, environment: NodeJS.ProcessEnv): string | undefined {
  const text = environment[name] || defaultsFor(environment)[name]
  return text === EMPTY_LIST ? undefined : text
}

/** Parses and checks the environment. Throws an OperatorError with a line for each fault. */
export function loadConfig(environment: NodeJS.ProcessEnv): Config {
  const { values, faults, malformed } = readSettings(environment)
  const missing = missingSettings(environment)
  faults.push(
    ...(values.production ? productionFaults(values, { missing, malformed }) : []),
    ...developmentFaults(values),
    ...appHostFaults(values),
    ...portFaults(values),
  )
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

function readSettings(environment: NodeJS.ProcessEnv) {
  const production = environment['NODE_ENV'] === 'production'
  const defaults = defaultsFor(environment)
  const faults: string[] = []
  const malformed: string[] = []
  const values: Record<string, unknown> = { production }
  for (const [name, setting] of Object.entries<Setting<unknown>>(settings)) {
    const given = environment[name] || defaults[name]
    if (given === undefined || given === '') continue
    try {
      values[name] = setting.parse(given)
    } catch (error) {
      if (!(error instanceof OperatorError)) throw error
      malformed.push(name)
      faults.push(
        `${name} ${error.message}${setting.secret ? '' : ` (it is ${JSON.stringify(given)})`}`,
      )
    }
  }
  values['APP_HOST'] ??= defaultAppHost(values)
  return { values: values as CommandConfig, faults, malformed }
}

// In development, localhost itself is the host of DEFAULT_DEV_TENANT.
function defaultAppHost({ production, BASE_DOMAINS }: Partial<CommandConfig>): string | undefined {
  const [first] = BASE_DOMAINS ?? []
  return first === 'localhost' && !production ? 'app.localhost' : first
}

function defaultsFor(environment: NodeJS.ProcessEnv): Record<string, string | undefined> {
  const production = environment['NODE_ENV'] === 'production'
  const fallbacks = Object.entries<Setting<unknown>>(settings).map(([name, it]) => [
    name,
    it.fallback,
  ])
  return {
    ...Object.fromEntries(fallbacks),
    SESSION_IDLE_DAYS:
      environment['REFRESH_TOKEN_EXPIRE_DAYS'] || settings.REFRESH_TOKEN_EXPIRE_DAYS.fallback,
    TRUST_PROXY: EMPTY_LIST,
    CORS_ORIGINS: EMPTY_LIST,
    // Its script comes from another vendor, and would run on the origin of the session cookie.
    DOCS: production ? 'off' : 'on',
    SIGN_UP: production ? 'off' : 'on',
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

function missingSettings(environment: NodeJS.ProcessEnv): string[] {
  const required = ['DB_URL', 'DB_IDENTITY_URL', 'SECRET_KEY', 'BASE_DOMAINS', 'PUBLIC_ORIGIN']
  if (environment['WORKER'] !== 'off') required.splice(2, 0, 'DB_JOBS_URL')
  return required.filter((name) => !environment[name])
}

function appHostFaults({ APP_HOST = '', DEFAULT_DEV_TENANT }: CommandConfig): string[] {
  return isLoopbackHost(APP_HOST) && DEFAULT_DEV_TENANT !== undefined
    ? [
        `APP_HOST is ${APP_HOST}, which serves the tenant of DEFAULT_DEV_TENANT: choose another, such as app.localhost`,
      ]
    : []
}

// Otherwise the second listener would report that another program uses its port.
function portFaults(config: CommandConfig): string[] {
  const names = ['PORT', 'METRICS_PORT', 'INTERNAL_PORT'] as const
  return names.flatMap((name, index) => {
    const port = config[name]
    const same = names.slice(0, index).find((it) => config[it] === port)
    // Port 0 stands for any free one.
    return !port || same === undefined ? [] : [`${name} is ${port}, as ${same} is: choose another`]
  })
}

// Without NODE_ENV a production installation would serve the demo's passwords and show its mail.
function developmentFaults({
  NODE_ENV = 'development',
  PUBLIC_ORIGIN = '',
}: CommandConfig): string[] {
  return NODE_ENV === 'development' && PUBLIC_ORIGIN.startsWith('https:')
    ? ['PUBLIC_ORIGIN begins with https:, but NODE_ENV is not production: set NODE_ENV=production']
    : []
}
