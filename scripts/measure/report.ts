/** The result of one measure. */
export interface Report {
  line: string
  faults: string[]
  /** The places that the numbers come from. */
  details?: string[]
}
