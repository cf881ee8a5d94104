import { AppError } from '../../lib/errors.ts'
import { assertStorable } from './validate.ts'

const MAX_DEPTH = 32
const MAX_ITEMS = 1_000
const utf8 = new TextDecoder('utf-8', { fatal: true })

/**
 * Parses a JSON body strictly (RFC 8259, I-JSON): valid UTF-8, no duplicate keys, no lone surrogates or
 * NUL in strings, no `__proto__`, at most 32 levels of at most 1000 items. Throws 400 with the reason.
 */
export function parseJson(bytes: Uint8Array): unknown {
  const text = decode(bytes)
  inspect(text)
  try {
    return JSON.parse(text)
  } catch {
    throw broken('The body is not valid JSON')
  }
}

function decode(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes)
  } catch {
    throw broken('The body is not valid UTF-8')
  }
}

/** An array or object that is still open: its number of commas, and the keys of an object. */
interface Container {
  keys: Set<string> | undefined
  commas: number
}

// Rejects what JSON.parse accepts silently. It runs before JSON.parse and without recursion, because a
// hundred thousand brackets must not overflow the stack. JSON.parse rejects malformed text.
function inspect(text: string): void {
  const open: Container[] = []
  let keyNext = false
  for (let at = 0; at < text.length; at++) {
    switch (text[at]) {
      case '{':
      case '[':
        keyNext = text[at] === '{'
        open.push({ keys: keyNext ? new Set() : undefined, commas: 0 })
        if (open.length > MAX_DEPTH)
          throw broken(`The body is nested deeper than ${MAX_DEPTH} levels`)
        break
      case '}':
      case ']':
        open.pop()
        keyNext = false
        break
      case ',':
        keyNext = isObjectAfterComma(open.at(-1))
        break
      case '"': {
        const end = endOfString(text, at)
        const value = unquote(text.slice(at, end + 1))
        if (keyNext) assertNewKey(open.at(-1)?.keys, value)
        keyNext = false
        at = end
      }
    }
  }
}

function isObjectAfterComma(container: Container | undefined): boolean {
  if (container === undefined) return false
  container.commas++
  if (container.commas >= MAX_ITEMS)
    throw broken(`The body has an array or object of more than ${MAX_ITEMS} items`)
  return container.keys !== undefined
}

function endOfString(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at++) {
    if (text[at] === '\\') at++
    else if (text[at] === '"') return at
  }
  throw broken('The body is not valid JSON')
}

function unquote(literal: string): string {
  let value: unknown
  try {
    value = JSON.parse(literal)
  } catch {
    throw broken('The body is not valid JSON')
  }
  const string = String(value)
  assertStorable(string)
  return string
}

function assertNewKey(keys: Set<string> | undefined, key: string): void {
  if (key === '__proto__') throw broken('The key "__proto__" is not allowed')
  if (keys?.has(key)) throw broken('The body has an object with a duplicate key')
  keys?.add(key)
}

function broken(detail: string): AppError {
  return new AppError('invalid', 'request.malformed', detail)
}
