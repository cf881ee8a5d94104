import { contest, ratioOf, resultText } from '../contest.ts'
import type { Figure } from '../figure.ts'
import { loginRequest, makeTenant } from '../tenants.ts'

export const login: Figure = {
  name: 'login',
  what: 'sign-ins per second against only checking argon2id hashes with the same parameters and the same concurrency',
  target: { atLeast: 0.9 },
  unit: ' x',
  async measure(bench) {
    const server = await bench.startApp()
    const bare = await bench.startPeer('bare_argon2')
    const tenant = await makeTenant(bench.database, server.port)
    const job = { connections: 8, requests: [loginRequest(tenant)] }
    const [ours = [], theirs = []] = await contest(await bench.startLoader(), [
      { name: 'tenantry', server, job },
      { name: 'argon2id alone', server: bare, job },
    ])
    return {
      value: ratioOf('perSecond', ours, theirs),
      notes: [
        resultText('tenantry', ours),
        resultText('argon2id alone', theirs),
        `CPU of the server process per sign-in: ${ratioOf('cpuPerRequest', ours, theirs).toFixed(3)} x; ` +
          "PostgreSQL's share of the same cores is included in the sign-ins per second only",
      ],
    }
  },
}
