import { randomUUID } from 'node:crypto'
import { Agent, request } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'

/** The server to send to, and the credentials. */
export interface Target {
  port(): number
  host: string
  token: string
  /** Requests per second; 50 by default. */
  perSecond?: number
}

/**
 * The outcome of a request: its status; `refused` when no server listened, `cut` when the connection
 * ended before the reply, `silent` when no reply came within 30 s.
 */
export type Status = number | 'refused' | 'cut' | 'silent'

interface Sent {
  at: number
  ms: number
  status: Status
  /** The code of the problem, if any. */
  code: string
}

interface Reply {
  status: Status
  text: string
}

const PER_SECOND = 50
const GIVE_UP_MS = 30_000
// So many successes in a row, of every kind, count as recovery.
const IN_A_ROW = 30

/**
 * Sends requests at a fixed rate, whether or not earlier ones were answered: in rotation one answered
 * from the cache, a read and a write.
 */
export class Load {
  readonly sent: Sent[] = []
  /** The ids of writes that were answered 201. */
  readonly acknowledged: string[] = []
  readonly #target: Target
  readonly #agent = new Agent({ keepAlive: true })
  readonly #running = new Set<Promise<void>>()
  #timer: NodeJS.Timeout | undefined
  #count = 0

  constructor(target: Target) {
    this.#target = target
  }

  start(): void {
    const kinds = [this.#cached, this.#read, this.#write]
    this.#timer = setInterval(
      () => {
        const sendOne = kinds[this.#count++ % kinds.length]
        if (sendOne === undefined) return
        const running = sendOne.call(this).finally(() => this.#running.delete(running))
        this.#running.add(running)
      },
      1_000 / (this.#target.perSecond ?? PER_SECOND),
    )
  }

  /** Stops sending, and waits for the replies. */
  async stop(): Promise<void> {
    clearInterval(this.#timer)
    await Promise.all(this.#running)
    this.#agent.destroy()
  }

  /**
   * Waits until requests succeed again. Returns how long after `since` (by performance.now()) the last
   * failed request was sent, in milliseconds. Throws when that takes longer than a minute.
   */
  async recovers(since: number): Promise<number> {
    const deadline = performance.now() + 60_000
    while (!this.#hasRecovered(since)) {
      if (performance.now() > deadline) throw new Error(`no recovery: ${this.summary()}`)
      await sleep(50)
    }
    const lastFailure = this.failures().findLast((it) => it.at > since)
    return lastFailure === undefined ? 0 : lastFailure.at - since
  }

  failures(): Sent[] {
    return this.sent.filter((it) => !isGood(it.status))
  }

  /** `412 sent, 37 failed (503 database.busy: 36, cut: 1)` */
  summary(): string {
    const failures = this.failures()
    const counts = new Map<string, number>()
    for (const { status, code } of failures) {
      const kind = `${status} ${code}`.trim()
      counts.set(kind, (counts.get(kind) ?? 0) + 1)
    }
    const by = [...counts].map(([kind, count]) => `${kind}: ${count}`).join(', ')
    return `${this.sent.length} sent, ${failures.length} failed${by === '' ? '' : ` (${by})`}`
  }

  #hasRecovered(since: number): boolean {
    const later = this.sent.filter((it) => it.at > since).sort((a, b) => a.at - b.at)
    return later.length >= IN_A_ROW && later.slice(-IN_A_ROW).every((it) => isGood(it.status))
  }

  async #cached(): Promise<void> {
    await this.#request('GET', '/api/tenant/tenant-data')
  }

  async #read(): Promise<void> {
    await this.#request('GET', '/api/projects?limit=5')
  }

  async #write(): Promise<void> {
    // Large enough to fill a disk.
    const body = { name: `Project ${randomUUID()}`, description: 'x'.repeat(1_500) }
    const { status, text } = await this.#request('POST', '/api/projects', body)
    if (status === 201) this.acknowledged.push(JSON.parse(text).id)
  }

  async #request(method: string, path: string, body?: object): Promise<Reply> {
    const at = performance.now()
    const reply = await this.#send(method, path, body).catch(noReply)
    const { status, text } = reply
    const code = isGood(status) || text === '' ? '' : JSON.parse(text).code
    this.sent.push({ at, ms: performance.now() - at, status, code })
    return reply
  }

  #send(method: string, path: string, body?: object): Promise<Reply> {
    const { host, token } = this.#target
    const headers = {
      host,
      authorization: `Bearer ${token}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    }
    const options = { port: this.#target.port(), host: '127.0.0.1', method, path, headers }
    return new Promise((resolve, reject) => {
      const outgoing = request({ ...options, agent: this.#agent, timeout: GIVE_UP_MS })
      outgoing.on('error', reject)
      outgoing.on('timeout', () => outgoing.destroy(new Error('silent')))
      outgoing.on('response', async (incoming) => {
        const text = incoming.setEncoding('utf8').toArray()
        text.then(
          (it) => resolve({ status: incoming.statusCode ?? 'cut', text: it.join('') }),
          reject,
        )
      })
      outgoing.end(body === undefined ? undefined : JSON.stringify(body))
    })
  }
}

function noReply(error: unknown): Reply {
  const words = String(error)
  if (words.includes('silent')) return { status: 'silent', text: '' }
  return { status: words.includes('ECONNREFUSED') ? 'refused' : 'cut', text: '' }
}

function isGood(status: Status): boolean {
  return status === 200 || status === 201
}
