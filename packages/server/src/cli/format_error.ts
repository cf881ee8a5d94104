import { ConfigError, readEnvironment } from '../config/config.ts'
import { EmbeddedError } from '../db/embedded/error.ts'
import { AppError } from '../lib/errors.ts'
import { OperatorError } from '../lib/operator_error.ts'

/** An error as a command says it: what is wrong and what to do, the stack only where it is wanted. */
export function explain(error: unknown, stack: boolean): string {
  const lines = wordsOf(error)
    .split('\n')
    .map((line) => `tenantry: ${line}`)
  if (stack && error instanceof Error) lines.push(String(error.stack))
  else if (!isExpected(error))
    lines.push('tenantry: set LOG_LEVEL=debug to see where this came from')
  return lines.join('\n')
}

/** Do the settings of this folder ask for stacks? */
export function wantsStack(folder: string): boolean {
  return /^(debug|trace)$/.test(readEnvironment(folder)['LOG_LEVEL'] ?? '')
}

function wordsOf(error: unknown): string {
  if (error instanceof ConfigError && error.faults.length > 1) {
    return ['the settings have faults:', ...error.faults.map((it) => `  ${it}`)].join('\n')
  }
  if (error instanceof AppError) return appErrorText(error)
  if (error instanceof Error) return error.message || error.name
  return String(error)
}

function appErrorText({ message, extras }: AppError): string {
  const faults = (extras.errors ?? []).map(
    ({ pointer, message }) => `${pointer.slice(1)} ${message}`,
  )
  const cause = extras.cause instanceof Error ? [`(${extras.cause.message})`] : []
  return [faults.length > 0 ? faults.join('; ') : message, ...cause].join(' ')
}

function isExpected(error: unknown): boolean {
  return [ConfigError, EmbeddedError, OperatorError, AppError].some((it) => error instanceof it)
}
