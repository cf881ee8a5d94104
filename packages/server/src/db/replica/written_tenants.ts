/** Stands for all tenants, where there are too many to list. */
const ALL = '*'
// A payload of NOTIFY holds 8,000 bytes, and an id takes 23.
const MAX_LISTED = 300
const MAX_KEPT = 50_000

/**
 * The tenants that this process, or another one, has written lately, each with the probe of the replica
 * that had begun last. Only a later probe can prove that the replica has the write.
 */
export class WrittenTenants {
  /** Oldest first. */
  readonly #probes = new Map<string, number>()
  #all = 0
  #unsent = new Set<string>()
  #unsentAll = false

  /** This process has written. The next heartbeat tells the other processes. */
  add(tenantId: string, probe: number): void {
    this.#note(tenantId, probe)
    if (this.#unsentAll) return
    this.#unsent.add(tenantId)
    this.#unsentAll = this.#unsent.size > MAX_LISTED
  }

  /** Any tenant may have been written. */
  addAll(probe: number): void {
    this.#all = probe
    this.#probes.clear()
  }

  /** Whether the tenant was written after the probe had begun. */
  isWrittenAfter(probe: number, tenantId: string): boolean {
    return Math.max(this.#all, this.#probes.get(tenantId) ?? 0) >= probe
  }

  /** Forgets what a replica has that had caught up when this probe began. */
  forgetBefore(probe: number): void {
    for (const [tenantId, noted] of this.#probes) {
      if (noted >= probe) return
      this.#probes.delete(tenantId)
    }
  }

  /** What the next heartbeat tells the other processes. Empty if there is nothing. */
  take(): string {
    const text = this.#unsentAll ? ALL : [...this.#unsent].map(shortened).join(',')
    this.#unsent = new Set()
    this.#unsentAll = false
    return text
  }

  /** Takes back what could not be sent. */
  putBack(text: string): void {
    if (text === ALL) this.#unsentAll = true
    else for (const it of idsIn(text)) this.#unsent.add(it)
  }

  /** Another process has written. */
  receive(text: string, probe: number): void {
    if (text === ALL) this.addAll(probe)
    else for (const it of idsIn(text)) this.#note(it, probe)
  }

  #note(tenantId: string, probe: number): void {
    this.#probes.delete(tenantId)
    this.#probes.set(tenantId, probe)
    if (this.#probes.size > MAX_KEPT) this.addAll(probe)
  }
}

function shortened(tenantId: string): string {
  return Buffer.from(tenantId.replaceAll('-', ''), 'hex').toString('base64url')
}

function idsIn(text: string): string[] {
  return text === '' ? [] : text.split(',').map(lengthened)
}

function lengthened(short: string): string {
  const hex = Buffer.from(short, 'base64url').toString('hex')
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
}
