import { dictionary } from '@zxcvbn-ts/language-common'
import { type Fault, unprocessable } from '../lib/errors.ts'
import { preparePassword } from './prepare_password.ts'

const MIN = 8
const MAX = 256
const MIN_WORD = 3
const MAX_UNIT = 4
const REPEATS_BELOW = 64

/** The words that an attacker would try first against this account. */
export interface PasswordContext {
  email: string
  full_name: string
  tenantName: string
  subdomain: string
}

/**
 * Checks a new password: 8 to 256 characters, not a common one, not a repetition, not a name of its
 * user or tenant (ASVS 6.2.4, 6.2.11). There are no composition rules. Throws 422 with the reason, at `pointer`.
 */
export function assertAcceptablePassword(
  password: string,
  context: PasswordContext,
  pointer = '/new_password',
): void {
  const reason = reasonAgainst(preparePassword(password), context)
  if (reason === undefined) return
  const fault: Fault = { pointer, message: reason }
  throw unprocessable([fault])
}

function reasonAgainst(password: string, context: PasswordContext): string | undefined {
  const length = [...password].length
  if (length < MIN) return `must have at least ${MIN} characters`
  if (length > MAX) return `must have at most ${MAX} characters`
  if (password.trim() === '') return 'must not be only spaces; choose another'
  if (repeatsItself(password)) return 'must not be a few characters repeated; choose another'
  if (consistsOfContextWords(password, context)) {
    return 'must not be the name of the user or the tenant; choose another'
  }
  if (isCommon(password)) return 'is one of the most common passwords; choose another'
  return undefined
}

// True for "aaaaaaaa" and "abcabcabc". A longer repetition passes: an attacker has to guess its length
// too, and 64 characters of any kind have to be accepted (ASVS 6.2.9).
function repeatsItself(password: string): boolean {
  const characters = [...password.toLowerCase()]
  if (characters.length >= REPEATS_BELOW) return false
  return Array.from({ length: MAX_UNIT }, (_, at) => at + 1).some((unit) =>
    characters.every((it, at) => at < unit || it === characters[at - unit]),
  )
}

let common: Set<string> | undefined

function isCommon(password: string): boolean {
  common ??= new Set(dictionary['passwords-common'])
  const lower = password.toLowerCase()
  const word = withoutPrefix(withoutSuffix(lower))
  return common.has(lower) || common.has(withoutSuffix(lower)) || common.has(word)
}

// True if only digits are left once the words and all punctuation are removed.
function consistsOfContextWords(password: string, context: PasswordContext): boolean {
  const guess = letters(password)
  const rest = wordsOf(context).reduce((left, word) => left.replaceAll(word, ''), guess)
  return rest !== guess && /^\d*$/.test(rest)
}

// The longest first: removing a short word first could split a longer one that contains it.
function wordsOf({ email, full_name, tenantName, subdomain }: PasswordContext): string[] {
  const [local = ''] = email.split('@', 1)
  return [email, local, full_name, tenantName, subdomain]
    .flatMap((it) => [letters(it), ...it.split(/[\s@._-]+/).map(letters)])
    .filter((word) => word.length >= MIN_WORD)
    .toSorted((a, b) => b.length - a.length)
}

// "acme2026!" and "!2026acme" count as "acme": attackers add digits and punctuation to words.
function withoutSuffix(text: string): string {
  return text.replace(/[\d\p{P}\p{S}]{1,16}$/u, '')
}

function withoutPrefix(text: string): string {
  return text.replace(/^[\d\p{P}\p{S}]{1,16}/u, '')
}

function letters(text: string): string {
  return text
    .normalize('NFC')
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]/gu, '')
}
