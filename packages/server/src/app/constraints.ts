/** The answer to a client for a violated constraint: code and detail of the problem. */
export interface ConstraintMeaning {
  code: string
  detail: string
  /** The field of the request that a 422 points at, where it is not called as the column. */
  pointer?: string
}

/** What a violated constraint means to a client, by the constraint's name. */
export type ConstraintMeanings = Readonly<Record<string, ConstraintMeaning>>
