import type { Bench } from './bench.ts'

/** What a figure must be: at most or at least so much. */
export type Bound = { atMost: number } | { atLeast: number }

/** One row of the table. */
export interface Figure {
  /** What it is called on the command line. */
  name: string
  /** What is measured, in the words of the table. */
  what: string
  mustReach: Bound
  /** Written behind the numbers: ` x`, ` ms`. */
  unit: string
  measure(bench: Bench): Promise<Measured>
}

export interface Measured {
  value: number
  /** What was really measured, where it is less than the figure says. */
  at?: string | undefined
  /** What else was seen, and under which conditions: a line each. */
  notes: string[]
}

export function holds(bound: Bound, value: number): boolean {
  return 'atMost' in bound ? value <= bound.atMost : value >= bound.atLeast
}
