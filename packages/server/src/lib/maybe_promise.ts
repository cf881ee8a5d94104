/** A value, or a promise of it. An answer from memory is not wrapped in a promise, which would cost time. */
export type MaybePromise<T> = T | Promise<T>

/** Applies `next` to the value; synchronously unless it is a promise. */
export function after<T, R>(
  value: MaybePromise<T>,
  next: (value: T) => MaybePromise<R>,
): MaybePromise<R> {
  return value instanceof Promise ? value.then(next) : next(value)
}
