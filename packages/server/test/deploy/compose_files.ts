import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'

/** The starter's folder of deployment files. */
export const deployFolder = join(import.meta.dirname, '../../../../starter/deploy')

/** The fields of a service of the Compose specification that these tests read. */
export interface Service {
  image: string
  pull_policy?: string
  mem_limit?: string
  cpus?: string
  logging?: { driver: string }
  build?: { context: string; dockerfile: string }
  command: string[]
  environment: Record<string, string>
  labels: Record<string, string>
  profiles?: string[]
  ports?: string[]
  depends_on?: Record<string, { condition: string }>
  stop_grace_period?: string
  read_only?: boolean
  cap_drop?: string[]
  deploy?: { replicas: number }
  networks: string[] | Record<string, { ipv4_address: string }>
}

interface Network {
  internal?: boolean
  ipam?: { config: { subnet: string; ip_range: string }[] }
}

export interface ComposeFile {
  services: Record<string, Service>
  networks: Record<string, Network | null>
}

/**
 * Reads files as `docker compose` does, each merged over the ones before, with these variables. Throws
 * the file's own message when a required variable is missing.
 */
export function readCompose(
  files: readonly string[],
  variables: Record<string, string | undefined>,
): ComposeFile {
  const read = files.map((file) => {
    const text = readFileSync(join(deployFolder, file), 'utf8')
    return interpolate(parse(text, { merge: true }), variables)
  })
  return read.reduce(merged) as ComposeFile
}

/** The services that run the app's image. */
export function ownServices({ services }: ComposeFile): [name: string, service: Service][] {
  const { image } = services['setup'] ?? {}
  return Object.entries(services).filter(([, it]) => it.image === image)
}

function interpolate(value: unknown, variables: Record<string, string | undefined>): unknown {
  if (typeof value === 'string') return substituted(value, variables)
  if (Array.isArray(value)) return value.map((it) => interpolate(it, variables))
  if (!isMap(value)) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, it]) => [key, interpolate(it, variables)]),
  )
}

function substituted(text: string, variables: Record<string, string | undefined>): string {
  return text.replaceAll(/\$\$|\$\{(\w+)(?:(:[-?])([^}]*))?\}/g, (whole, name, kind, otherwise) => {
    if (whole === '$$') return '$'
    const value = variables[name]
    if (value) return value
    if (kind === ':?') throw new Error(`required variable ${name} is missing: ${otherwise}`)
    return otherwise ?? ''
  })
}

function merged(below: unknown, above: unknown): unknown {
  if (!isMap(below) || !isMap(above)) return above
  const result = { ...below }
  for (const [key, it] of Object.entries(above)) {
    result[key] = key in below ? merged(below[key], it) : it
  }
  return result
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
