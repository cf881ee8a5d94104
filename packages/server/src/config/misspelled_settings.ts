import { settings } from './settings.ts'

// A shorter name may differ in one letter from a variable that another program reads.
const MIN_LENGTH = 8

/**
 * A warning for each variable whose name is one typing error away from a setting: a wrong, missing or
 * extra letter, two swapped letters, or lower case. The setting itself would silently keep its default.
 */
export function misspelledSettings(environment: NodeJS.ProcessEnv): string[] {
  const names = Object.keys(settings).filter((it) => it.length >= MIN_LENGTH)
  return Object.keys(environment).flatMap((given) => {
    if (given in settings) return []
    const meant = names.find((it) => isOneTypoAway(given.toUpperCase(), it))
    return meant === undefined ? [] : [`${given} is not a setting: did you mean ${meant}?`]
  })
}

function isOneTypoAway(given: string, name: string): boolean {
  if (given === name) return true
  const [short, long] = given.length <= name.length ? [given, name] : [name, given]
  let same = 0
  while (same < short.length && short[same] === long[same]) same++
  const [rest, longer] = [short.slice(same), long.slice(same)]
  if (long.length > short.length) return rest === longer.slice(1)
  const swapped = `${rest[1]}${rest[0]}${rest.slice(2)}`
  return rest.slice(1) === longer.slice(1) || swapped === longer
}
