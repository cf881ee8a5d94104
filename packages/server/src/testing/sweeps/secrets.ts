import { inject } from 'vitest'
import { isAnonymous, type Route } from '../../app/route.ts'
import { withClient } from '../../db/connect/with_client.ts'
import type { TestReply, TestRequest } from '../http_client.ts'
import type { TestUser } from '../test_app.ts'
import {
  bodyFor,
  inSafeOrder,
  nameOf,
  type PopulatedTenant,
  pathIn,
  readyFor,
  sendTo,
  type World,
} from './world/world.ts'

/**
 * Calls every route with valid and invalid requests that hold known passwords and tokens, and looks for
 * these secrets where none may be: in replies (except new tokens in the reply that issues them), log lines,
 * rows of any table, mails (except a reset token in its own mail), and the metrics, which may not hold e-mail
 * addresses either. Returns the places where one was found, never the secret.
 */
export async function secretFaults(world: World): Promise<string[]> {
  const watch = watchReplies(secretsOf(world.b))
  const resetToken = await askForReset(world, watch)
  for (const route of inSafeOrder(world)) {
    const here = await readyFor(world, route, world.b)
    for (const it of secretsOf(here)) watch.secrets.add(it)
    for (const request of requestsTo(world, here, route, [...watch.secrets])) {
      watch.see(
        nameOf(route),
        await sendTo(world, route, world.b, { method: route.method, ...request }),
      )
    }
  }
  await useReset(world, watch, resetToken)
  await world.api.running.settle()
  const secrets = [...watch.secrets].flatMap(spellings)
  return [
    ...new Set([
      ...watch.faults,
      ...logFaults(world, secrets),
      ...(await metricFaults(world, secrets)),
      ...(await mailFaults(world, secrets, resetToken)),
      ...(await rowFaults(secrets)),
    ]),
  ]
}

interface Watch {
  secrets: Set<string>
  faults: string[]
  /** Looks for secrets in a reply, then adds the tokens that it issues to them. */
  see(name: string, reply: TestReply): void
}

function watchReplies(secrets: Set<string>): Watch {
  const faults: string[] = []
  return {
    secrets,
    faults,
    see(name, { text, headers, json }) {
      const all = JSON.stringify(headers) + text
      if (holdsOne(all, secrets)) faults.push(`${name}: its reply repeats a secret`)
      for (const field of ['access_token', 'refresh_token']) {
        if (typeof json?.[field] === 'string') secrets.add(json[field])
      }
    },
  }
}

function secretsOf({ users, spare, admin }: PopulatedTenant): Set<string> {
  const all: TestUser[] = [...Object.values(users), spare, admin]
  return new Set(all.flatMap((it) => [it.password, it.accessToken, it.refreshToken]))
}

async function askForReset({ b, api }: World, watch: Watch): Promise<string> {
  const { email } = b.spare
  const path = '/api/auth/forgot-password'
  watch.see(`POST ${path}`, await b.tenant.send({ method: 'POST', path, body: { email } }))
  await api.running.settle()
  const mails = await api.mailsTo(email)
  const [token] = mails.flatMap(({ text }) => /token=([\w-]{20,})/.exec(text)?.[1] ?? [])
  if (token === undefined) throw new Error('the sweeps found no reset token in the mail')
  watch.secrets.add(token)
  return token
}

// Last, because it ends every session of its user.
async function useReset({ b }: World, watch: Watch, token: string): Promise<void> {
  const new_password = `${b.spare.password}-changed`
  watch.secrets.add(new_password)
  const path = '/api/auth/reset-password'
  const body = { token, new_password }
  const reply = await b.tenant.send({ method: 'POST', path, body })
  if (reply.status !== 200) throw new Error(`the sweeps could not reset a password: ${reply.text}`)
  watch.see(`POST ${path}`, reply)
}

// A valid request, requests with misplaced secrets, and one of a member without permissions.
function requestsTo(
  world: World,
  b: PopulatedTenant,
  route: Route,
  secrets: string[],
): (TestRequest & { user?: TestUser | undefined })[] {
  const path = pathIn(route, b)
  const body = bodyFor(world, route, b)
  const [password = '', access = '', refresh = ''] = secrets
  const parameters = Object.entries({ password, access_token: access, refresh_token: refresh })
  const pathWith = (query: [string, string][]) => `${path}?${new URLSearchParams(query)}`
  // One at a time: a route rejects a parameter that it does not declare before it uses any.
  const misplaced = parameters.map((it) => ({ path: pathWith([it]), user: b.admin, body }))
  const all = pathWith(parameters)
  return [
    { path, body, user: b.admin },
    ...(isAnonymous(route) ? [] : misplaced),
    { path, user: b.admin, body: { password, token: access, refresh_token: { of: refresh } } },
    { path: all, user: b.admin, body: `{"password":"${password}",` },
    { path: all, user: undefined, headers: { authorization: `Basic ${password}` } },
    { path: all, user: b.users['none'] },
  ]
}

function logFaults({ api }: World, secrets: string[]): string[] {
  const lines = api.logLines.filter((line) => holdsOne(line, secrets))
  return lines.map((line) => {
    const { msg, route } = JSON.parse(line)
    return `log line "${msg ?? route}": holds a secret`
  })
}

async function metricFaults({ api, b }: World, secrets: string[]): Promise<string[]> {
  const people = [...Object.values(b.users), b.spare].map((it) => it.email)
  const lines = ((await api.running.metrics?.read()) ?? '').split('\n')
  return lines
    .filter((line) => holdsOne(line, [...secrets, ...people]))
    .map((line) => `metric ${line.split('{', 1)[0]}: holds a secret or an e-mail`)
}

async function mailFaults({ api, b }: World, secrets: string[], own: string): Promise<string[]> {
  const faults: string[] = []
  for (const { email } of [...Object.values(b.users), b.spare]) {
    for (const mail of await api.mailsTo(email, 0)) {
      const others = email === b.spare.email ? secrets.filter((it) => it !== own) : secrets
      if (holdsOne(JSON.stringify(mail), others))
        faults.push(`mail "${mail.subject}": holds a secret`)
    }
  }
  return faults
}

// The platform role can read every table that another serving role can read.
async function rowFaults(secrets: string[]): Promise<string[]> {
  return withClient(inject('tenantryDatabase').platform, async (client) => {
    const { rows: tables } = await client.query<{ name: string }>(readableTables)
    const faults: string[] = []
    for (const { name } of tables) {
      const { rowCount } = await client.query(
        // One regular expression of all secrets takes minutes on a large table.
        `select from (select to_jsonb(t)::text as row from ${name} t) t
         where exists (select from unnest($1::text[]) secret where strpos(row, secret) > 0) limit 1`,
        [secrets],
      )
      if (rowCount !== 0) faults.push(`table ${name}: a row holds a secret`)
    }
    return faults
  })
}

function holdsOne(text: string, secrets: Iterable<string>): boolean {
  return [...secrets].some((it) => text.includes(it))
}

// A secret as text, as the hex digits of a bytea column, and the signature of a token.
function spellings(secret: string): string[] {
  const [, , signature] = secret.split('.')
  const written = [secret, Buffer.from(secret).toString('hex')]
  return signature === undefined ? written : [...written, signature]
}

const readableTables = `
  select c.oid::regclass::text as name
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where c.relkind in ('r', 'p') and n.nspname in ('public', 'tenantry')
    and has_table_privilege(c.oid, 'select') and has_schema_privilege(n.oid, 'usage')
  order by 1`
