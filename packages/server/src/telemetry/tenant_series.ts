import { STATUS_CLASSES, statusClassOf } from './status_class.ts'

/** The counts of one tenant, or of all tenants without a series of their own. */
export interface TenantCounts {
  /** Indexed like STATUS_CLASSES. */
  requests: number[]
  seconds: number
}

interface Candidate {
  /** The approximate number of recent requests. */
  weight: number
  /** Set if the tenant has a series of its own. */
  counts: TenantCounts | undefined
}

// Candidates per series. Every tenant with more than 1/(max * 4) of all requests is among them.
const CANDIDATES = 5
// A tenant replaces a named one only if it is this much busier, because a series that comes and goes is
// useless.
const MARGIN = 2

/**
 * Counts for the busiest tenants by name and for all others together, in bounded memory. Candidates are
 * kept by the Misra-Gries algorithm: if there is no room for a new tenant, every candidate loses one, and
 * candidates that reach zero are removed.
 */
export class TenantSeries {
  readonly others = newCounts()
  readonly #max: number
  readonly #candidates = new Map<string, Candidate>()
  #named = 0

  constructor(max: number) {
    this.#max = max
  }

  /** The number of candidates: at most five times the number of named tenants. */
  get size(): number {
    return this.#candidates.size
  }

  record(tenantId: string, status: number, seconds: number): void {
    const counts = this.#weigh(tenantId)?.counts ?? this.others
    const outcome = statusClassOf(status)
    counts.requests[outcome] = (counts.requests[outcome] ?? 0) + 1
    counts.seconds += seconds
  }

  /** The tenants with series of their own. */
  named(): [tenantId: string, TenantCounts][] {
    return [...this.#candidates].flatMap(([id, { counts }]) =>
      counts === undefined ? [] : [[id, counts]],
    )
  }

  /** Chooses the named tenants again and halves all weights. The caller runs it periodically. */
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
    const existing = this.#candidates.get(tenantId)
    if (existing !== undefined) {
      existing.weight++
      return existing
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

  // Each call removes weight that earlier requests added, so the amortised cost is constant.
  #age(reduce: (weight: number) => number): void {
    for (const [id, candidate] of this.#candidates) {
      candidate.weight = Math.max(0, reduce(candidate.weight))
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
