import { setImmediate } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { ServedNames } from './served_names.ts'

/** Look-ups that end when the test says so. */
function scene(known: string[]) {
  const asked: (readonly string[])[] = []
  const ends: (() => void)[] = []
  let now = 0
  const names = new ServedNames(
    (them) => {
      asked.push(them)
      return new Promise((resolve) => {
        ends.push(() => resolve(new Set(them.filter((it) => known.includes(it)))))
      })
    },
    () => now,
  )
  const end = async () => {
    await setImmediate()
    ends.shift()?.()
    await setImmediate()
  }
  return { names, asked, end, wait: (ms: number) => (now += ms) }
}

test('a flood of unknown names delays a known one by one look-up', async () => {
  const { names, asked, end } = scene(['acme.example'])
  const first = names.has('x.example')
  await setImmediate()
  const flood = Array.from({ length: 2_000 }, (_, at) => names.has(`x${at}.example`))
  const known = names.has('acme.example')
  await end()
  await end()
  expect([await first, await known]).toEqual([false, true])
  expect(new Set(await Promise.all(flood))).toEqual(new Set([false]))
  expect(asked.map((it) => it.length)).toEqual([1, 2_001])
})

test('names are answered from memory for a while, known ones for longer', async () => {
  const { names, asked, end, wait } = scene(['acme.example'])
  const ask = async (name: string) => {
    const answer = names.has(name)
    await end()
    return answer
  }
  expect([await ask('acme.example'), await ask('no.example')]).toEqual([true, false])
  expect([await ask('acme.example'), await ask('no.example')]).toEqual([true, false])
  expect(asked).toHaveLength(2)
  wait(2_000)
  expect([await ask('acme.example'), await ask('no.example')]).toEqual([true, false])
  expect(asked).toHaveLength(3)
  wait(8_000)
  expect(await ask('acme.example')).toBe(true)
  expect(asked).toHaveLength(4)
})

test('unknown names evict no known one, and more than can wait are refused', async () => {
  const { names, end } = scene(['acme.example'])
  const known = names.has('acme.example')
  await end()
  expect(await known).toBe(true)
  const waiting = Array.from({ length: 5_000 }, (_, at) => names.has(`x${at}.example`))
  await expect(names.has('one.more.example')).rejects.toMatchObject({ code: 'server.busy' })
  expect(await names.has('acme.example')).toBe(true)
  await end()
  await Promise.all(waiting)
})

test('a look-up that fails is repeated with the next name', async () => {
  let tries = 0
  const names = new ServedNames(async () => {
    if (++tries === 1) throw new Error('no connection')
    return new Set(['acme.example'])
  })
  await expect(names.has('acme.example')).rejects.toThrow('no connection')
  expect(await names.has('acme.example')).toBe(true)
})
