import { InvalidArgumentError } from 'commander'

/** Parses the name of a tenant. */
export function nameOf(text: string): string {
  const name = printable(text)
  if (name.length === 0) throw new InvalidArgumentError('It must be 1 to 200 characters.')
  return name
}

/** Parses the name of a person, which may be empty. */
export function personNameOf(text: string): string {
  return printable(text)
}

// Names are printed on terminals and appear in the subjects of mails.
function printable(text: string): string {
  const name = text.trim()
  if (name.length > 200) throw new InvalidArgumentError('It must be at most 200 characters.')
  if (!/[\p{Cc}\p{Zl}\p{Zp}]/u.test(name)) return name
  throw new InvalidArgumentError('It must be one line, without control characters.')
}
