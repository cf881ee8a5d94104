import { EventEmitter } from 'node:events'
import fc from 'fast-check'
import { expect, onTestFinished, test, vi } from 'vitest'
import { Deadline } from '../lib/deadline.ts'
import { AppError } from '../lib/errors.ts'
import { type ConcurrencyLimits, FairConcurrency } from './fair_concurrency.ts'

const roomy: ConcurrencyLimits = { maxRunning: 2, maxWaiting: 100, hungMs: 60_000 }

const patient = () => new Deadline(60_000)

class TestClient extends EventEmitter {
  destroyed = false
  leave() {
    this.destroyed = true
    this.emit('close')
  }
}

/** Work that ends when it is told to, and what became of it. */
function ask(
  queue: FairConcurrency,
  key: string,
  maxRunning: number,
  onStart: () => void = () => {},
  deadline = patient(),
) {
  const client = new TestClient()
  const { promise, resolve, reject } = promiseWith()
  let started = false
  let outcome = 'open'
  const done = queue
    .run({ key, maxRunning: maxRunning, client, deadline: deadline }, () => {
      started = true
      onStart()
      return promise
    })
    .then(
      () => 'done',
      (error: unknown) => (error instanceof AppError ? error.code : 'failed'),
    )
    .then((it) => {
      outcome = it
      return it
    })
  return {
    key,
    client,
    done,
    finish: resolve,
    fail: () => reject(new Error('failed work')),
    started: () => started,
    outcome: () => outcome,
  }
}

function promiseWith() {
  let resolve = () => {}
  let reject: (error: Error) => void = () => {}
  const promise = new Promise<void>((yes, no) => {
    resolve = yes
    reject = no
  })
  return { promise, resolve, reject }
}

// Promises of promises settle within a few turns of the microtask queue, and no timer is due.
const settled = () => new Promise((resolve) => setImmediate(resolve))

type Asked = ReturnType<typeof ask>
const isOpen = (it: Asked) => it.outcome() === 'open'
const working = (all: Asked[]) => all.filter((it) => isOpen(it) && it.started())
const waiting = (all: Asked[]) => all.filter((it) => isOpen(it) && !it.started())

function expectFair(asked: Asked[], maxRunning: number, own: number): void {
  expect(working(asked).length).toBeLessThanOrEqual(maxRunning)
  for (const key of ['a', 'b', 'c']) {
    const line = asked.filter((it) => it.key === key)
    expect(working(line).length).toBeLessThanOrEqual(own)
    expect(waiting(line).length).toBeLessThanOrEqual(4)
    expect(waiting(line).filter((it) => it.client.destroyed)).toEqual([])
    // Nobody waits for a place that is free.
    const full = working(asked).length === maxRunning || working(line).length === own
    expect(full || waiting(line).length === 0).toBe(true)
    // First come, first served: nobody who was let in came after one who waits.
    const [first] = waiting(line)
    const later = first === undefined ? [] : line.slice(line.indexOf(first))
    expect(later.filter((it) => it.started())).toEqual([])
  }
}

const step = fc.oneof(
  { weight: 3, arbitrary: fc.record({ event: fc.constantFrom('a', 'b', 'c'), at: fc.nat() }) },
  { weight: 2, arbitrary: fc.record({ event: fc.constantFrom('finish', 'fail'), at: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ event: fc.constant('leave'), at: fc.nat() }) },
)

function happen(event: string, at: number, asked: Asked[]): void {
  const from = event === 'leave' ? asked.filter(isOpen) : working(asked)
  const one = from[at % Math.max(1, from.length)]
  if (event === 'finish') one?.finish()
  else if (event === 'fail') one?.fail()
  else one?.client.leave()
}

test('whatever comes, ends, fails or leaves: the limits hold, order is kept, nobody is forgotten (DOS-4)', async () => {
  const limits = { maxRunning: fc.integer({ min: 1, max: 4 }), own: fc.integer({ min: 1, max: 3 }) }
  const steps = fc.array(step, { maxLength: 60 })
  await fc.assert(
    fc.asyncProperty(fc.record(limits), steps, async ({ maxRunning, own }, steps) => {
      const queue = new FairConcurrency({ ...roomy, maxRunning: maxRunning, maxWaiting: 4 })
      const asked: Asked[] = []
      for (const { event, at } of steps) {
        if (event.length === 1) asked.push(ask(queue, event, own))
        else happen(event, at, asked)
        await settled()
        expectFair(asked, maxRunning, own)
      }
      while (working(asked).length > 0) {
        for (const it of working(asked)) it.finish()
        await settled()
      }
      expect(asked.filter(isOpen)).toEqual([])
      expect(queue.size).toBe(0)
    }),
  )
})

test('places go round and round over all who wait, however many of one wait (DOS-4)', async () => {
  const queue = new FairConcurrency({ ...roomy, maxRunning: 1 })
  const order: string[] = []
  const keys = [...Array(6).fill('flood'), 'b', 'c', 'b']
  const all = keys.map((key) => ask(queue, key, 1, () => order.push(key)))
  for (let at = 0; at < all.length; at++) {
    await settled()
    for (const it of all) if (it.started()) it.finish()
  }
  await Promise.all(all.map((it) => it.done))
  const flood = Array(4).fill('flood')
  expect(order).toEqual(['flood', 'b', 'c', 'flood', 'b', ...flood])
})

test('who has waited too long is told so, and is not let in later (DOS-4)', async () => {
  const queue = new FairConcurrency({ ...roomy, maxRunning: 1 })
  const first = ask(queue, 'a', 1)
  const late = ask(queue, 'a', 1, () => {}, new Deadline(5))
  expect(await late.done).toBe('tenant.busy')
  first.finish()
  await settled()
  expect(late.started()).toBe(false)
  const next = ask(queue, 'a', 1)
  next.finish()
  expect(await next.done).toBe('done')
})

test('a raised limit lets in who waits already, a lowered one nobody more (DOS-4)', async () => {
  const queue = new FairConcurrency({ ...roomy, maxRunning: 10 })
  const raised = [1, 1, 1, 4].map((maxRunning) => ask(queue, 'a', maxRunning))
  await settled()
  expect(raised.every((it) => it.started())).toBe(true)
  const low = ask(queue, 'a', 1)
  for (const it of raised.slice(1)) it.finish()
  await settled()
  expect(low.started()).toBe(false)
  raised[0]?.finish()
  await settled()
  expect(low.started()).toBe(true)
})

test('a line that is full hears of a lowered limit too (DOS-4)', async () => {
  const queue = new FairConcurrency({ ...roomy, maxWaiting: 1 })
  const [, other, next] = [ask(queue, 'a', 2), ask(queue, 'b', 2), ask(queue, 'a', 2)]
  expect(await ask(queue, 'a', 1).done).toBe('tenant.busy')
  other?.finish()
  await settled()
  expect(next?.started()).toBe(false)
})

test('who finds no place and may not wait leaves nothing behind (DOS-4)', async () => {
  const queue = new FairConcurrency({ ...roomy, maxRunning: 1, maxWaiting: 0 })
  const first = ask(queue, 'a', 1)
  for (const key of ['b', 'c', 'd']) expect(await ask(queue, key, 1).done).toBe('tenant.busy')
  expect(queue.size).toBe(1)
  first.finish()
  await first.done
  expect(queue.size).toBe(0)
})

test('work that hangs longer than anybody listens loses its place, once (DOS-4)', async () => {
  vi.useFakeTimers({ toFake: ['performance'] })
  onTestFinished(() => void vi.useRealTimers())
  const queue = new FairConcurrency({ ...roomy, hungMs: 1_000 })
  const hung = ask(queue, 'a', 1)
  vi.advanceTimersByTime(1_000)
  const next = ask(queue, 'a', 1)
  await settled()
  expect(next.started()).toBe(true)
  hung.finish()
  await hung.done
  const third = ask(queue, 'a', 1)
  await settled()
  expect(third.started()).toBe(false)
  next.finish()
  await settled()
  expect(third.started()).toBe(true)
})

test('who has left before asking is not let in (DOS-4)', async () => {
  const queue = new FairConcurrency(roomy)
  const client = new TestClient()
  client.leave()
  const turn = { key: 'a', maxRunning: 1, client, deadline: patient() }
  expect(() => queue.run(turn, () => Promise.resolve())).toThrow('left')
})

test('work that is done at once, or fails at once, holds no place (DOS-4)', async () => {
  const queue = new FairConcurrency({ ...roomy, maxRunning: 1 })
  const turn = () => ({ key: 'a', maxRunning: 1, client: new TestClient(), deadline: patient() })
  expect(queue.run(turn(), () => 'done')).toBe('done')
  const fail = () => {
    throw new Error('failed work')
  }
  expect(() => queue.run(turn(), fail)).toThrow('failed work')
  const first = ask(queue, 'a', 1)
  const waiting = [queue.run(turn(), () => 'done'), queue.run(turn(), fail)]
  const settledWaiting = Promise.allSettled(waiting)
  first.finish()
  expect((await settledWaiting).map((it) => it.status)).toEqual(['fulfilled', 'rejected'])
  expect([queue.size, queue.stats().running]).toEqual([0, 0])
})
