import { AppError } from '../../lib/errors.ts'
import { etagOf, type Serializer } from '../response/serialize.ts'

/** The If-Match of one request (RFC 9110, 13.1.1), and whether the handler has compared it. */
export class IfMatch {
  readonly #condition: string | undefined
  readonly #serialize: Serializer | undefined
  #compared = false

  constructor(condition: string | undefined, serialize: Serializer | undefined) {
    this.#condition = condition
    this.#serialize = serialize
  }

  /** Throws 412 if the condition does not list the etag of the current state. */
  compare(current: unknown): void {
    this.#compared = true
    if (this.#condition === undefined || this.#condition.trim() === '*') return
    const etag = this.#serialize === undefined ? undefined : etagOf(this.#serialize(current))
    const named = this.#condition.split(',').map((it) => it.trim())
    if (etag === undefined || !named.includes(etag)) {
      throw new AppError(
        'stale',
        'resource.changed',
        'The resource has changed since you read it; read it again',
      )
    }
  }

  /** Throws 400 if the handler did not compare the condition: ignoring it could lose an update. */
  assertCompared(): void {
    if (this.#condition !== undefined && !this.#compared) {
      throw new AppError('invalid', 'request.if_match', 'This route does not support If-Match')
    }
  }
}
