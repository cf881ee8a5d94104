import { STATUS_CLASSES, statusClassOf } from './status_class.ts'

/** What was counted of one tenant's requests, or of all that have no series of their own. */
export interface TenantCounts {
  /** By the place of their class in OUTCOMES. */
  requests: number[]
  seconds: number
}

interface Candidate {
  /** About how many requests lately. */
  weight: number
  /** Those who have one are told by name. */
  counts: TenantCounts | undefined
}

// Candidates for each series: any tenant with more than a (max * 4)th of all requests is among them.
const CANDIDATES = 5
// Who is to be told by name instead of another has to be this much busier: a series that comes and
// goes is no use to anybody.
const MARGIN = 2

/**
 * The busiest tenants by name and the rest as one, in bounded memory however many there are. It keeps
 * candidates by the algorithm of Misra and Gries: a newcomer without room costs every candidate one,
 * and who has nothing left is forgotten.
 */
export class TenantSeries {
  readonly others = newCounts()
  readonly #max: number
  readonly #candidates = new Map<string, Candidate>()
  #named = 0

  constructor(max: number) {
    this.#max = max
  }

  /** How many tenants it knows: never more than five times as many as it may name. */
  get size(): number {
    return this.#candidates.size
  }

  record(tenantId: string, status: number, seconds: number): void {
    const counts = this.#weigh(tenantId)?.counts ?? this.others
    const outcome = statusClassOf(status)
    counts.requests[outcome] = (counts.requests[outcome] ?? 0) + 1
    counts.seconds += seconds
  }

  /** Those who are told by name. */
  named(): [tenantId: string, TenantCounts][] {
    return [...this.#candidates].flatMap(([id, { counts }]) =>
      counts === undefined ? [] : [[id, counts]],
    )
  }

  /** Decides anew who is, and lets what was long ago count for less: to be called now and then. */
  rank(): void {
    const byWeight = [...this.#candidates.values()].sort((a, b) => b.weight - a.weight)
    const idlest = byWeight.filter((it) => it.counts !== undefined)
    for (const candidate of byWeight) {
      if (candidate.counts !== undefined) continue
      if (this.#named >= this.#max && !this.#makeRoom(idlest.pop(), candidate)) break
      this.#name(candidate)
    }
    this.#age((weight) => Math.floor(weight / 2))
  }

  #weigh(tenantId: string): Candidate | undefined {
    const known = this.#candidates.get(tenantId)
    if (known !== undefined) {
      known.weight++
      return known
    }
    if (this.#candidates.size >= this.#max * CANDIDATES) {
      this.#age((weight) => weight - 1)
      return undefined
    }
    const candidate: Candidate = { weight: 1, counts: undefined }
    if (this.#named < this.#max) this.#name(candidate)
    this.#candidates.set(tenantId, candidate)
    return candidate
  }

  // A newcomer pays with what everybody else has paid before, so this is cheap on the whole.
  #age(older: (weight: number) => number): void {
    for (const [id, candidate] of this.#candidates) {
      candidate.weight = Math.max(0, older(candidate.weight))
      if (candidate.weight === 0 && candidate.counts === undefined) this.#candidates.delete(id)
    }
  }

  #makeRoom(idlest: Candidate | undefined, candidate: Candidate): boolean {
    if (idlest === undefined || candidate.weight <= idlest.weight * MARGIN) return false
    idlest.counts = undefined
    this.#named--
    return true
  }

  #name(candidate: Candidate): void {
    candidate.counts = newCounts()
    this.#named++
  }
}

function newCounts(): TenantCounts {
  return { requests: STATUS_CLASSES.map(() => 0), seconds: 0 }
}
