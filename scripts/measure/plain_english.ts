import type { Passage } from './prose.ts'
import type { Report } from './report.ts'

/** Of 10,000 words. */
const MAX_PRIVATE = 6

/** Words of this project's former private language, for which the field has others. */
const privateWords = [
  'nobody',
  'whoever',
  'whom',
  'somebody',
  'anybody',
  '(?:is|are|was|were) told',
  'strangers?',
  'heard',
  'at once',
  'stands twice',
  'of ours',
  'his own',
  'patience',
  'doors?',
  'beats?',
]
const pattern = new RegExp(`\\b(${privateWords.join('|').replaceAll(' ', '\\s+')})\\b`, 'gi')

/** How often these passages, `what`, use words that only this project uses. */
export function plainEnglish(what: string, passages: readonly Passage[]): Report {
  const places = passages.flatMap(placesIn)
  const words = passages.reduce((total, { text }) => total + wordsIn(text), 0)
  const share = ((10_000 * places.length) / Math.max(1, words)).toFixed(1)
  const fault = `${what}: ${share} of 10,000 words are private; at most ${MAX_PRIVATE}`
  return {
    line: `${what}: ${share} of 10,000 words are private (${places.length} of ${words})`,
    faults: Number(share) > MAX_PRIVATE ? [fault, ...places] : [],
    details: places,
  }
}

function placesIn({ path, line, text }: Passage): string[] {
  return [...text.matchAll(pattern)].map((it) => {
    const at = line + text.slice(0, it.index).split('\n').length - 1
    return `${path}:${at}: ${it[0].replaceAll(/\s+/g, ' ')}`
  })
}

function wordsIn(text: string): number {
  return text.match(/\p{L}[\p{L}'’-]*/gu)?.length ?? 0
}
