/** A value, at once where it is there: what memory answers needs no promise, which is work for nobody. */
export type MaybePromise<T> = T | Promise<T>

/** What `next` makes of a value, at once where that is there. */
export function after<T, R>(
  value: MaybePromise<T>,
  next: (value: T) => MaybePromise<R>,
): MaybePromise<R> {
  return value instanceof Promise ? value.then(next) : next(value)
}
