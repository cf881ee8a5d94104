import { AppError } from '../../lib/errors.ts'
import { etagOf, type Serializer } from '../response/serialize.ts'

/** The If-Match of one request (RFC 9110, 13.1.1), and whether anybody has honoured it. */
export class IfMatch {
  readonly #condition: string | undefined
  readonly #serialize: Serializer | undefined
  #compared = false

  constructor(condition: string | undefined, serialize: Serializer | undefined) {
    this.#condition = condition
    this.#serialize = serialize
  }

  /** Throws 412 where the condition does not name the present state. */
  compare(current: unknown): void {
    this.#compared = true
    if (this.#condition === undefined || this.#condition.trim() === '*') return
    const present = this.#serialize === undefined ? undefined : etagOf(this.#serialize(current))
    const named = this.#condition.split(',').map((it) => it.trim())
    if (present === undefined || !named.includes(present)) {
      throw new AppError(
        'stale',
        'resource.changed',
        'It has changed since you read it; read it again',
      )
    }
  }

  /** Throws 400 where a condition was sent that this route does not look at: silence would lose it. */
  assertCompared(): void {
    if (this.#condition !== undefined && !this.#compared) {
      throw new AppError('invalid', 'request.if_match', 'If-Match is not honoured here')
    }
  }
}
