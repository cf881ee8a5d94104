import { readEnvironment } from '../config/config.ts'
import { AppError } from '../lib/errors.ts'
import { OperatorError } from '../lib/operator_error.ts'

/** An error as a command prints it: what is wrong and what to do. The stack follows on request. */
export function formatError(error: unknown, withStack: boolean): string {
  const lines = messageOf(error)
    .split('\n')
    .map((line) => `tenantry: ${line}`)
  if (withStack && error instanceof Error) lines.push(String(error.stack))
  else if (!isExpected(error)) lines.push('tenantry: set LOG_LEVEL=debug to see the stack')
  return lines.join('\n')
}

/** An error for programs, on standard error: `{"error":"…"}`. Standard output has results only. */
export function errorJson(error: unknown): string {
  return JSON.stringify({ error: messageOf(error) })
}

/** Whether the LOG_LEVEL of this folder asks for stacks. */
export function wantsStack(folder: string): boolean {
  try {
    return /^(debug|trace)$/.test(readEnvironment(folder)['LOG_LEVEL'] ?? '')
  } catch {
    // The error to show may be that the file is missing.
    return false
  }
}

function messageOf(error: unknown): string {
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
  return error instanceof OperatorError || error instanceof AppError
}
