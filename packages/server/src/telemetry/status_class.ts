/** Classes of status, as metrics name them. */
export const STATUS_CLASSES = ['2xx', '3xx', '4xx', '5xx'] as const

/** The place in OUTCOMES of a status. */
export function statusClassOf(status: number): number {
  return Math.floor(status / 100) - 2
}
