/** What one measure found. */
export interface Report {
  line: string
  faults: string[]
  /** Where the numbers come from, for the one who wants to lower them. */
  details?: string[]
}
