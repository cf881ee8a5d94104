import { randomUUID } from 'node:crypto'
import { Agent, request } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'

/** Whom to ask, and as whom. */
export interface Target {
  port(): number
  host: string
  token: string
  /** 50 unless said. */
  perSecond?: number
}

/**
 * What came: a status; `refused` where nobody listened, `cut` where the connection ended before the
 * reply, `silent` where none came in half a minute.
 */
export type Status = number | 'refused' | 'cut' | 'silent'

interface Asked {
  at: number
  ms: number
  status: Status
  /** Of the problem it was told. */
  code: string
}

interface Reply {
  status: Status
  text: string
}

const PER_SECOND = 50
const GIVE_UP_MS = 30_000
// So many in a row, of every kind, are no luck.
const IN_A_ROW = 30

/**
 * Steady traffic, one request after the other whatever became of the ones before: what is answered
 * from memory, what is read and what is written, in turn.
 */
export class Load {
  readonly asked: Asked[] = []
  /** Ids of what was answered 201. */
  readonly acknowledged: string[] = []
  readonly #target: Target
  readonly #agent = new Agent({ keepAlive: true })
  readonly #running = new Set<Promise<void>>()
  #timer: NodeJS.Timeout | undefined
  #turn = 0

  constructor(target: Target) {
    this.#target = target
  }

  start(): void {
    const turns = [this.#remembered, this.#read, this.#write]
    this.#timer = setInterval(
      () => {
        const ask = turns[this.#turn++ % turns.length]
        if (ask === undefined) return
        const running = ask.call(this).finally(() => this.#running.delete(running))
        this.#running.add(running)
      },
      1_000 / (this.#target.perSecond ?? PER_SECOND),
    )
  }

  /** Sends no more, and waits for what is on its way. */
  async stop(): Promise<void> {
    clearInterval(this.#timer)
    await Promise.all(this.#running)
    this.#agent.destroy()
  }

  /**
   * How long after `since`, by performance.now(), the last failure was sent, in milliseconds; waits
   * until everything is answered well again. Throws where that takes longer than a minute.
   */
  async recovers(since: number): Promise<number> {
    const deadline = performance.now() + 60_000
    while (!this.#isWell(since)) {
      if (performance.now() > deadline) throw new Error(`no recovery: ${this.summary()}`)
      await sleep(50)
    }
    const lastFailure = this.failures().findLast((it) => it.at > since)
    return lastFailure === undefined ? 0 : lastFailure.at - since
  }

  failures(): Asked[] {
    return this.asked.filter((it) => !isGood(it.status))
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
    return `${this.asked.length} sent, ${failures.length} failed${by === '' ? '' : ` (${by})`}`
  }

  #isWell(since: number): boolean {
    const later = this.asked.filter((it) => it.at > since).sort((a, b) => a.at - b.at)
    return later.length >= IN_A_ROW && later.slice(-IN_A_ROW).every((it) => isGood(it.status))
  }

  async #remembered(): Promise<void> {
    await this.#ask('GET', '/api/tenant/tenant-data')
  }

  async #read(): Promise<void> {
    await this.#ask('GET', '/api/projects?limit=5')
  }

  async #write(): Promise<void> {
    // Large enough that each needs room of its own.
    const body = { name: `Project ${randomUUID()}`, description: 'x'.repeat(1_500) }
    const { status, text } = await this.#ask('POST', '/api/projects', body)
    if (status === 201) this.acknowledged.push(JSON.parse(text).id)
  }

  async #ask(method: string, path: string, body?: object): Promise<Reply> {
    const at = performance.now()
    const reply = await this.#send(method, path, body).catch(noReply)
    const { status, text } = reply
    const code = isGood(status) || text === '' ? '' : JSON.parse(text).code
    this.asked.push({ at, ms: performance.now() - at, status, code })
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
