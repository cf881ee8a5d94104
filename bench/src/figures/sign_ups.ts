import { randomBytes } from 'node:crypto'
import { keyRing } from '../../../packages/server/src/lib/keys.ts'
import { newSignUpSecrets } from '../../../packages/server/src/modules/sign_ups/sign_up_secret.ts'
import { send, type TestRequest } from '../../../packages/server/src/testing/http_client.ts'
import type { Figure } from '../figure.ts'
import { startSmtp } from '../smtp.ts'
import { median } from '../statistics.ts'

const ROUNDS = 7
const SECONDS = 3
const AT_ONCE = 16
const host = 'start.app.test'

export const signUps: Figure = {
  name: 'sign-ups',
  what: 'sign-ups per second, each with its mail, its tenant and its account, against only checking argon2id hashes with the same parameters and the same concurrency',
  target: { atLeast: 0.7 },
  unit: ' x',
  async measure(bench) {
    const database = await bench.openDatabase()
    const smtp = await startSmtp()
    const server = await bench.startApp(
      {
        APP_HOST: host,
        SIGN_UP: 'on',
        SIGN_UP_LIMIT_ADDRESS: '1000000',
        SIGN_UP_PER_HOUR: '1000000',
        SMTP_URL: `smtp://127.0.0.1:${smtp.port}`,
      },
      database,
    )
    const bare = await bench.startPeer('bare_argon2')
    const keys = keyRing(bench.secret)
    const rates: { own: number[]; bare: number[] } = { own: [], bare: [] }
    for (let round = 0; round <= ROUNDS; round++) {
      const own = await perSecond(() => signUp(server.port, keys, smtp.mailTo))
      const alone = await perSecond(() => expecting(bare.port, 200, { path: '/', method: 'POST' }))
      // The first round warms up.
      if (round === 0) continue
      rates.own.push(own)
      rates.bare.push(alone)
    }
    await smtp.close()
    return {
      value: median(rates.own.map((it, at) => it / (rates.bare[at] ?? Number.NaN))),
      notes: [
        `${median(rates.own).toFixed(0)} sign-ups/s, ${median(rates.bare).toFixed(0)} hashes/s, ${AT_ONCE} at a time`,
      ],
    }
  },
}

// Confirmed when the mail has arrived: until then it would not be sent. The code follows from the id and the key.
async function signUp(
  port: number,
  keys: ReturnType<typeof keyRing>,
  mailTo: (address: string) => Promise<void>,
): Promise<void> {
  const name = `s-${randomBytes(8).toString('hex')}`
  const email = `${name}@example.com`
  const mailed = mailTo(email)
  const { sign_up_id: id } = await expecting(port, 202, {
    method: 'POST',
    path: '/api/sign-ups',
    body: { email, tenant_name: name, subdomain: name },
  })
  await mailed
  const { token } = newSignUpSecrets(keys, id)
  await expecting(port, 201, {
    method: 'POST',
    path: `/api/sign-ups/${id}/confirmation`,
    body: { token, full_name: 'Ann', password: 'correct horse battery' },
  })
}

async function expecting(port: number, status: number, request: TestRequest) {
  const reply = await send(port, { ...request, headers: { host } })
  if (reply.status === status) return reply.json
  throw new Error(`${request.path}: ${reply.status} ${reply.text}`)
}

async function perSecond(work: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now()
  let done = 0
  const repeat = async () => {
    while (performance.now() - startedAt < SECONDS * 1_000) {
      await work()
      done++
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, repeat))
  return done / ((performance.now() - startedAt) / 1_000)
}
