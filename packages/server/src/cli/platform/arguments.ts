import { InvalidArgumentError } from 'commander'

/** An argument that names a tenant. */
export function nameOf(text: string): string {
  const name = printable(text)
  if (name.length === 0) throw new InvalidArgumentError('It must be 1 to 200 characters.')
  return name
}

/** An argument that names a person, who may have none. */
export function personNameOf(text: string): string {
  return printable(text)
}

// It is printed on operators' terminals, and stands in the subjects of mails.
function printable(text: string): string {
  const name = text.trim()
  if (name.length > 200) throw new InvalidArgumentError('It must be at most 200 characters.')
  if (!/[\p{Cc}\p{Zl}\p{Zp}]/u.test(name)) return name
  throw new InvalidArgumentError('It must be one line, without control characters.')
}
