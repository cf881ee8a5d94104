/** Settings as data: each with its default, its meaning and how its text becomes a value. */

export interface Setting<T> {
  /** What applies where nothing is set; undefined means "none". */
  fallback?: string
  secret?: boolean
  meaning: string
  parse(text: string): T
}

/** Thrown by a parser: what the value should be. */
export class SettingFault extends Error {}

export const text = (text: string) => text

export function integer(min: number, max: number) {
  return (text: string) => {
    const value = Number(text)
    if (!/^\d+$/.test(text) || value < min || value > max) {
      throw new SettingFault(`must be a whole number from ${min} to ${max}`)
    }
    return value
  }
}

export function oneOf<const T extends string>(...allowed: T[]) {
  return (text: string): T => {
    const found = allowed.find((it) => it === text)
    if (found === undefined) throw new SettingFault(`must be one of ${allowed.join(', ')}`)
    return found
  }
}

export function list<T>(parse: (item: string) => T) {
  return (text: string): T[] =>
    text
      .split(',')
      .map((it) => it.trim())
      .filter((it) => it !== '')
      .map(parse)
}

/** A PostgreSQL DSN; the seed's `postgresql+asyncpg://` is read as `postgresql://`. */
export function databaseUrl(text: string): string {
  const plain = text.replace(/^postgres(ql)?(\+\w+)?:\/\//, 'postgresql://')
  if (!plain.startsWith('postgresql://') || !URL.canParse(plain)) {
    throw new SettingFault('must look like postgresql://user:password@host:5432/database')
  }
  return plain
}

/** `https://app.example.com`: scheme, host and port, nothing behind. */
export function origin(text: string): string {
  if (!URL.canParse(text) || new URL(text).origin !== text.toLowerCase()) {
    throw new SettingFault('must be an exact origin such as https://app.example.com, no path, no *')
  }
  return text.toLowerCase()
}
