import { InvalidArgumentError } from 'commander'
import { displayNameFault } from '../../lib/display_name.ts'

/** Parses the name of a tenant. */
export function nameOf(text: string): string {
  const name = personNameOf(text)
  if (name.length === 0) throw new InvalidArgumentError('It must be 1 to 200 characters.')
  return name
}

/** Parses the name of a person, which may be empty. */
export function personNameOf(text: string): string {
  const name = text.normalize('NFC').trim()
  if (name.length > 200) throw new InvalidArgumentError('It must be at most 200 characters.')
  const fault = displayNameFault(name)
  if (fault !== undefined) throw new InvalidArgumentError(`It ${fault}.`)
  return name
}
