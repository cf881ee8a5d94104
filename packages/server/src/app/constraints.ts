/** The answer to a client for a violated constraint: code and detail of the problem. */
export interface ConstraintMeaning {
  code: string
  detail: string
}

/** What a violated constraint means to a client, by the constraint's name. */
export type ConstraintMeanings = Readonly<Record<string, ConstraintMeaning>>
