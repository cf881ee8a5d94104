/** One statement of the plan, and why it is there. */
export interface Step {
  why: string
  sql: string
}
