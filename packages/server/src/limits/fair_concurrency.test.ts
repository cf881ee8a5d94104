import { EventEmitter } from 'node:events'
import fc from 'fast-check'
import { expect, onTestFinished, test, vi } from 'vitest'
import { Deadline } from '../lib/deadline.ts'
import { AppError, unavailable } from '../lib/errors.ts'
import { type ConcurrencyLimits, FairConcurrency } from './fair_concurrency.ts'

const roomy: ConcurrencyLimits = {
  maxRunning: 2,
  maxWaiting: 100,
  hungMs: 60_000,
  busy: () => unavailable('tenant.busy', 'Too many requests at once; try again'),
}

const longDeadline = () => new Deadline(60_000)

class TestClient extends EventEmitter {
  destroyed = false
  disconnect() {
    this.destroyed = true
    this.emit('close')
  }
}

/** Requests a slot for work that ends when the test calls `finish` or `fail`. */
function ask(
  queue: FairConcurrency,
  key: string,
  maxRunning: number,
  onStart: () => void = () => {},
  deadline = longDeadline(),
) {
  const client = new TestClient()
  const { promise, resolve, reject } = withResolvers()
  let started = false
  let outcome = 'open'
  const done = queue
    .run({ key, maxRunning, client, deadline }, () => {
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

function withResolvers() {
  let resolve = () => {}
  let reject: (error: Error) => void = () => {}
  const promise = new Promise<void>((yes, no) => {
    resolve = yes
    reject = no
  })
  return { promise, resolve, reject }
}

// Nested promises settle before setImmediate runs, and no timer is due.
const settled = () => new Promise((resolve) => setImmediate(resolve))

type Asked = ReturnType<typeof ask>
const isOpen = (it: Asked) => it.outcome() === 'open'
const working = (all: Asked[]) => all.filter((it) => isOpen(it) && it.started())
const waiting = (all: Asked[]) => all.filter((it) => isOpen(it) && !it.started())

function expectFair(asked: Asked[], maxRunning: number, maxOwn: number): void {
  expect(working(asked).length).toBeLessThanOrEqual(maxRunning)
  for (const key of ['a', 'b', 'c']) {
    const own = asked.filter((it) => it.key === key)
    expect(working(own).length).toBeLessThanOrEqual(maxOwn)
    expect(waiting(own).length).toBeLessThanOrEqual(4)
    expect(waiting(own).filter((it) => it.client.destroyed)).toEqual([])
    // No request waits while a slot is free.
    const full = working(asked).length === maxRunning || working(own).length === maxOwn
    expect(full || waiting(own).length === 0).toBe(true)
    // First in, first out: no started request was made after one that still waits.
    const [first] = waiting(own)
    const later = first === undefined ? [] : own.slice(own.indexOf(first))
    expect(later.filter((it) => it.started())).toEqual([])
  }
}

const step = fc.oneof(
  { weight: 3, arbitrary: fc.record({ event: fc.constantFrom('a', 'b', 'c'), at: fc.nat() }) },
  { weight: 2, arbitrary: fc.record({ event: fc.constantFrom('finish', 'fail'), at: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ event: fc.constant('disconnect'), at: fc.nat() }) },
)

function happen(event: string, at: number, asked: Asked[]): void {
  const from = event === 'disconnect' ? asked.filter(isOpen) : working(asked)
  const one = from[at % Math.max(1, from.length)]
  if (event === 'finish') one?.finish()
  else if (event === 'fail') one?.fail()
  else one?.client.disconnect()
}

test('limits, order and eventual service hold for any sequence of requests, ends and disconnects (DOS-4)', async () => {
  const limits = { maxRunning: fc.integer({ min: 1, max: 4 }), own: fc.integer({ min: 1, max: 3 }) }
  const steps = fc.array(step, { maxLength: 60 })
  await fc.assert(
    fc.asyncProperty(fc.record(limits), steps, async ({ maxRunning, own }, steps) => {
      const queue = new FairConcurrency({ ...roomy, maxRunning, maxWaiting: 4 })
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

test('slots go round-robin over the waiting keys, however many requests of one key wait (DOS-4)', async () => {
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

test('a request that waits past its deadline gets 503 and is never run (DOS-4)', async () => {
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

test('a raised limit starts waiting requests, a lowered one starts no more (DOS-4)', async () => {
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

test('a request that a full queue rejects still lowers the limit of the queue (DOS-4)', async () => {
  const queue = new FairConcurrency({ ...roomy, maxWaiting: 1 })
  const [, other, next] = [ask(queue, 'a', 2), ask(queue, 'b', 2), ask(queue, 'a', 2)]
  expect(await ask(queue, 'a', 1).done).toBe('tenant.busy')
  other?.finish()
  await settled()
  expect(next?.started()).toBe(false)
})

test('a rejected request leaves no queue entry (DOS-4)', async () => {
  const queue = new FairConcurrency({ ...roomy, maxRunning: 1, maxWaiting: 0 })
  const first = ask(queue, 'a', 1)
  for (const key of ['b', 'c', 'd']) expect(await ask(queue, key, 1).done).toBe('tenant.busy')
  expect(queue.size).toBe(1)
  first.finish()
  await first.done
  expect(queue.size).toBe(0)
})

test('hung work loses its slot, once (DOS-4)', async () => {
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

test('a request whose client has disconnected is not run (DOS-4)', async () => {
  const queue = new FairConcurrency(roomy)
  const client = new TestClient()
  client.disconnect()
  const request = { key: 'a', maxRunning: 1, client, deadline: longDeadline() }
  expect(() => queue.run(request, () => Promise.resolve())).toThrow('disconnected')
})

test('work that returns or throws synchronously holds no slot (DOS-4)', async () => {
  const queue = new FairConcurrency({ ...roomy, maxRunning: 1 })
  const request = () => ({
    key: 'a',
    maxRunning: 1,
    client: new TestClient(),
    deadline: longDeadline(),
  })
  expect(queue.run(request(), () => 'done')).toBe('done')
  const fail = () => {
    throw new Error('failed work')
  }
  expect(() => queue.run(request(), fail)).toThrow('failed work')
  const first = ask(queue, 'a', 1)
  const waiting = [queue.run(request(), () => 'done'), queue.run(request(), fail)]
  const settledWaiting = Promise.allSettled(waiting)
  first.finish()
  expect((await settledWaiting).map((it) => it.status)).toEqual(['fulfilled', 'rejected'])
  expect([queue.size, queue.stats().running]).toEqual([0, 0])
})
