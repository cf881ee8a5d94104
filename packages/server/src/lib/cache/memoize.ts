/** The same function, which computes the result for each object once. A result must not be changed. */
export function memoize<K extends object, V>(make: (of: K) => V): (of: K) => V {
  const results = new WeakMap<K, { value: V }>()
  return (of) => {
    const known = results.get(of)
    if (known !== undefined) return known.value
    const value = make(of)
    results.set(of, { value })
    return value
  }
}
