// The lower bound of a sign-in's cost: checking one password, with the same concurrency as the kernel.
import { createServer } from 'node:http'
import { availableParallelism } from 'node:os'
import { hash, verify } from '@node-rs/argon2'
import { sendJson } from './send_json.ts'
import { serveOn } from './serve_on.ts'

const WORKERS = Math.max(1, Math.min(2, availableParallelism() - 1))
const PARAMETERS = { memoryCost: 19_456, timeCost: 2, parallelism: 1 } as const

const password = 'correct horse battery'
const stored = await hash(password, PARAMETERS)
const waiting: (() => Promise<void>)[] = []
let running = 0

await serveOn(
  createServer((request, response) => {
    request.resume().on('end', () => {
      waiting.push(async () => {
        sendJson(response, 200, { valid: await verify(stored, password) })
        running--
        next()
      })
      next()
    })
  }),
)

function next(): void {
  if (running >= WORKERS) return
  const start = waiting.shift()
  if (start === undefined) return
  running++
  start().catch((error: Error) => {
    throw error
  })
}
