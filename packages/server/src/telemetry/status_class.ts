/** The classes of status codes in the metrics. */
export const STATUS_CLASSES = ['2xx', '3xx', '4xx', '5xx'] as const

/** The index of a status code's class in STATUS_CLASSES. */
export function statusClassOf(status: number): number {
  return Math.floor(status / 100) - 2
}
