import { settings } from './settings.ts'

// Shorter names are one letter away from what other programs read.
const LONG_ENOUGH = 8

/**
 * A line for each name in the environment that is one slip away from a setting's: another letter, one
 * too many or too few, two that changed places, or small ones. What it was to set keeps its default.
 */
export function misspelledSettings(environment: NodeJS.ProcessEnv): string[] {
  const names = Object.keys(settings).filter((it) => it.length >= LONG_ENOUGH)
  return Object.keys(environment).flatMap((given) => {
    if (given in settings) return []
    const meant = names.find((it) => isOneSlipAway(given.toUpperCase(), it))
    return meant === undefined ? [] : [`${given} is no setting: write ${meant} if that is meant`]
  })
}

function isOneSlipAway(given: string, name: string): boolean {
  if (given === name) return true
  const [short, long] = given.length <= name.length ? [given, name] : [name, given]
  let same = 0
  while (same < short.length && short[same] === long[same]) same++
  const [rest, longer] = [short.slice(same), long.slice(same)]
  if (long.length > short.length) return rest === longer.slice(1)
  const swapped = `${rest[1]}${rest[0]}${rest.slice(2)}`
  return rest.slice(1) === longer.slice(1) || swapped === longer
}
