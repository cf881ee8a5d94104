import { dictionary } from '@zxcvbn-ts/language-common'
import { type Fault, unprocessable } from '../../errors.ts'

const MIN = 8
const MAX = 256
const MIN_WORD = 3

/** Words an attacker would try first against this account. */
export interface PasswordContext {
  email: string
  full_name: string
  tenantName: string
  subdomain: string
}

/**
 * Checks a password somebody chooses: 8 to 256 characters, not among the common ones, not a name
 * of its user or tenant (ASVS 6.2.4, 6.2.11; no composition rules). Throws 422 with the reason.
 */
export function assertAcceptablePassword(password: string, context: PasswordContext): void {
  const reason = reasonAgainst(password, context)
  if (reason === undefined) return
  const fault: Fault = { pointer: '/new_password', message: reason }
  throw unprocessable([fault])
}

function reasonAgainst(password: string, context: PasswordContext): string | undefined {
  const length = [...password].length
  if (length < MIN) return `must have at least ${MIN} characters`
  if (length > MAX) return `must have at most ${MAX} characters`
  if (isCommon(password)) return 'is one of the most common passwords; choose another'
  if (isContextWord(password, context)) {
    return 'must not be the name of the user or the tenant; choose another'
  }
  return undefined
}

let common: Set<string> | undefined

function isCommon(password: string): boolean {
  common ??= new Set(dictionary['passwords-common'])
  const lower = password.toLowerCase()
  return common.has(lower) || common.has(withoutEnding(lower))
}

function isContextWord(password: string, context: PasswordContext): boolean {
  const [local = ''] = context.email.split('@', 1)
  const words = [context.email, local, context.full_name, context.tenantName, context.subdomain]
  const guess = letters(password)
  return words
    .flatMap((it) => [letters(it), ...it.split(/[\s@._-]+/).map(letters)])
    .some((word) => word.length >= MIN_WORD && isWordAndDigits(guess, word))
}

function isWordAndDigits(guess: string, word: string): boolean {
  return guess.startsWith(word) && /^\d*$/.test(guess.slice(word.length))
}

// "acme2026!" is "acme" to whoever guesses.
function withoutEnding(text: string): string {
  return text.replace(/[\d\p{P}\p{S}]{1,16}$/u, '')
}

function letters(text: string): string {
  return text.toLowerCase().replace(/[^\p{L}\p{N}]/gu, '')
}
