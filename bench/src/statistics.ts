/** The median; of an even number of values the lower one of the middle two. */
export function median(values: readonly number[]): number {
  return quantile(values, 0.5)
}

/** The value that this share of the values does not exceed. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.floor((sorted.length - 1) * share)] ?? Number.NaN
}
