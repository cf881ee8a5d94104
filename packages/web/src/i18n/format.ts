import i18next from 'i18next'
import { withRegion } from './choice.ts'

const MINUTE = 60
const HOUR = 3_600
const DAY = 86_400

/** A date with its time, in the language of the page, and the region and time zone of the browser. */
export function formatDateTime(iso: string): string {
  return new Intl.DateTimeFormat(locale(), {
    dateStyle: 'medium',
    timeStyle: 'short',
  }).format(new Date(iso))
}

/** A date alone. */
function formatDate(iso: string): string {
  return new Intl.DateTimeFormat(locale(), { dateStyle: 'medium' }).format(new Date(iso))
}

/** How long ago: "5 minutes ago", and the date after a week. */
export function formatAgo(iso: string): string {
  const seconds = (Date.parse(iso) - Date.now()) / 1000
  if (Math.abs(seconds) >= 7 * DAY) return formatDate(iso)
  const format = new Intl.RelativeTimeFormat(locale(), { numeric: 'auto' })
  if (Math.abs(seconds) >= DAY) return format.format(Math.round(seconds / DAY), 'day')
  if (Math.abs(seconds) >= HOUR) return format.format(Math.round(seconds / HOUR), 'hour')
  if (Math.abs(seconds) >= MINUTE) return format.format(Math.round(seconds / MINUTE), 'minute')
  return format.format(0, 'second')
}

/** A span of time: "12 minutes". Rounded up, as it is how long to wait. */
export function formatSpan(seconds: number): string {
  const [unit, size] = seconds >= HOUR ? (['hour', HOUR] as const) : shortUnit(seconds)
  const format = { style: 'unit', unit, unitDisplay: 'long' } as const
  return new Intl.NumberFormat(locale(), format).format(Math.ceil(seconds / size))
}

function shortUnit(seconds: number) {
  return seconds >= 2 * MINUTE ? (['minute', MINUTE] as const) : (['second', 1] as const)
}

/** "a, b and c". */
export function formatList(items: readonly string[]): string {
  return new Intl.ListFormat(locale(), { type: 'conjunction' }).format(items)
}

// "en" alone would mean the order of dates in the United States.
function locale(): string {
  return withRegion(i18next.language, navigator.languages)
}
