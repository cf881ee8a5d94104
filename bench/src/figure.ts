import type { Bench } from './bench.ts'

/** The target of a figure: an upper or a lower bound. */
export type Bound = { atMost: number } | { atLeast: number }

/** One row of the table. */
export interface Figure {
  /** Its name on the command line. */
  name: string
  /** The text of the table that says what is measured. */
  what: string
  target: Bound
  /** Appended to the numbers: ` x`, ` ms`. */
  unit: string
  measure(bench: Bench): Promise<Measured>
}

export interface Measured {
  value: number
  /** The actual conditions, where they are smaller than those of the figure. */
  at?: string | undefined
  /** Further results and conditions, one line each. */
  notes: string[]
}

export function meets(bound: Bound, value: number): boolean {
  return 'atMost' in bound ? value <= bound.atMost : value >= bound.atLeast
}
