/**
 * The items in an order in which each comes after those that it waits for. Items that wait for each other in a circle
 * are put together, since no order suits them.
 */
export function dependencyOrder<T>(
  items: Iterable<T>,
  waitsFor: (item: T, other: T) => boolean,
): T[] {
  const ordered: T[] = []
  const left = new Set(items)
  while (left.size > 0) {
    const free = [...left].filter((item) => ![...left].some((other) => waitsFor(item, other)))
    for (const item of free.length > 0 ? free : [...left]) {
      ordered.push(item)
      left.delete(item)
    }
  }
  return ordered
}
