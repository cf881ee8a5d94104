import { randomBytes } from 'node:crypto'
import { send, type TestReply, type TestRequest } from '../../src/testing/http_client.ts'
import { startTestApp, type TestApp, type TestTenant, type TestUser } from '../../src/testing.ts'
import { app } from '../fixtures/app/app.ts'
import { makeWorkplace, type Workplace } from '../fixtures/cli.ts'
import { serverSettings } from '../fixtures/databases.ts'

/** Two servers on one database, each a process of its own. */
export interface TwoServers {
  /** A third server, in this process: makes the tenants and catches the mails. */
  home: TestApp
  /** Sends to server `at` modulo two; signed in as `user` where one is given. */
  ask(
    tenant: TestTenant,
    at: number,
    request: TestRequest & { user?: Pick<TestUser, 'accessToken'> },
  ): Promise<TestReply>
  stop(): Promise<void>
}

const LISTENING = /"url":"http:\/\/127\.0\.0\.1:(\d+)"/

export async function startTwoServers(settings: Record<string, string> = {}): Promise<TwoServers> {
  const SECRET_KEY = randomBytes(48).toString('base64')
  const home = await startTestApp(app, { SECRET_KEY, ...settings })
  const place = makeWorkplace()
  const start = () => startServer(place, { SECRET_KEY, ...settings })
  const ports = await Promise.all([start(), start()])
  return {
    home,
    ask(tenant, at, { user, ...request }) {
      const headers = {
        host: tenant.host,
        ...(user === undefined ? {} : { authorization: `Bearer ${user.accessToken}` }),
        ...request.headers,
      }
      return send(ports[at % ports.length] ?? 0, { ...request, headers })
    },
    async stop() {
      await place.remove()
      await home.close()
    },
  }
}

async function startServer(place: Workplace, settings: Record<string, string>): Promise<number> {
  const server = place.launch('start', {
    ...serverSettings(),
    NODE_ENV: 'production',
    BASE_DOMAINS: 'app.test',
    PUBLIC_ORIGIN: 'https://{tenant}.app.test',
    HOST: '127.0.0.1',
    REQUEST_WAIT_MS: '20000',
    ...settings,
  })
  const [, port] = await server.says(LISTENING)
  return Number(port)
}
