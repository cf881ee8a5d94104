import { once } from 'node:events'
import { createServer, type Server } from 'node:net'
import { SMTPServer } from 'smtp-server'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { send } from '../../src/testing/http_client.ts'
import { freePort } from '../fixtures/free_port.ts'
import { expectHarmless, underLoad } from './fault.ts'
import type { Target } from './load.ts'
import { type Node, openStage, type Stage } from './stage.ts'

let stage: Stage
let node: Node
let target: Target
let smtpPort: number
beforeAll(async () => {
  stage = await openStage()
  smtpPort = await freePort()
  node = await stage.startNode({ SMTP_URL: `smtp://127.0.0.1:${smtpPort}` })
  target = { port: () => node.port, ...(await stage.signIn(node)) }
}, 180_000)
afterAll(() => stage.close(), 60_000)

/** Requests a reset mail, and returns the reply. */
async function askForReset(): Promise<{ status: number; text: string }> {
  const { status, text } = await send(node.port, {
    method: 'POST',
    path: '/api/auth/forgot-password',
    headers: { host: target.host },
    body: { email: stage.email },
  })
  return { status, text }
}

const accepted = { status: 200, text: '{"message":"Reset link sent"}' }

async function askUnderLoad(name: string): Promise<void> {
  const outcome = await underLoad(name, stage.cluster, target, async () => {
    for (let time = 0; time < 3; time++) expect(await askForReset()).toEqual(accepted)
  })
  expectHarmless(outcome)
  expect(outcome.load.failures()).toEqual([])
}

/** A mail server that accepts connections and sends nothing. */
async function startSilent(): Promise<Server> {
  const server = createServer(() => {}).listen(smtpPort, '127.0.0.1')
  await once(server, 'listening')
  return server
}

function startMailbox(refuses: boolean): Promise<{ received: string[]; close(): Promise<void> }> {
  const received: string[] = []
  const server = new SMTPServer({
    disabledCommands: ['STARTTLS', 'AUTH'],
    onData(stream, { envelope }, done) {
      stream.resume()
      stream.on('end', () => {
        if (refuses) return done(Object.assign(new Error('try later'), { responseCode: 451 }))
        received.push(...envelope.rcptTo.map((it) => it.address))
        done()
      })
    },
  })
  server.on('error', () => {})
  const close = () => new Promise<void>((resolve) => server.close(resolve))
  return new Promise((resolve) =>
    server.listen(smtpPort, '127.0.0.1', () => resolve({ received, close })),
  )
}

test('a mail server that is down fails no request, and is logged', async () => {
  await askUnderLoad('mail server down')
  await node.command.says(/a job failed/)
})

test('a silent mail server fails no request', async () => {
  const silent = await startSilent()
  await askUnderLoad('mail server silent')
  silent.close()
})

test('a mail server that rejects mails (451) fails no request', async () => {
  const mailbox = await startMailbox(true)
  await askUnderLoad('mail server refuses')
  await mailbox.close()
})

test('when the mail server is back, the mails of the earlier requests arrive', async () => {
  const mailbox = await startMailbox(false)
  await expect
    .poll(
      async () => {
        // The repetitions would be minutes apart: this does not wait for them.
        await stage.cluster.asAdmin((client) =>
          client.query("update tenantry.jobs set run_at = now() where state = 'later'"),
        )
        return mailbox.received
      },
      { timeout: 60_000, interval: 1_000 },
    )
    .toContain(stage.email)
  await mailbox.close()
})
