/** What a client gets for a violated constraint: the code and detail of the problem. */
export interface ConstraintMeaning {
  code: string
  detail: string
  /** The field of the request: of a unique constraint the 409 points at it, of a foreign key the 422. */
  pointer?: string
}

/** The meaning of violated constraints to a client, by constraint name. */
export type ConstraintMeanings = Readonly<Record<string, ConstraintMeaning>>
