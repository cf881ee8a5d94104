/** What a client gets for a violated constraint: the code and detail of the problem. */
export interface ConstraintMeaning {
  code: string
  detail: string
  /** The field of the request that a 422 points at, if its name differs from the column's. */
  pointer?: string
}

/** The meaning of violated constraints to a client, by constraint name. */
export type ConstraintMeanings = Readonly<Record<string, ConstraintMeaning>>
