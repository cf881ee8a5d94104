// Compiled under each TypeScript that an app may have. It is never run.
import { type Client, createClient, ifMatch, type paths, tokens } from '../src/index.ts'

const client: Client<paths> = createClient({ origin: 'https://a.example', session: tokens() })

export async function correct(): Promise<string[]> {
  const { data, etag } = await client.GET('/api/members/{user_id}', {
    params: { path: { user_id: 'x' } },
  })
  await client.PATCH('/api/members/{user_id}', {
    params: { path: { user_id: data.id } },
    body: { roles: ['manager'] },
    ...ifMatch({ etag }),
  })
  const left: undefined = (
    await client.DELETE('/api/members/{user_id}', { params: { path: { user_id: data.id } } })
  ).data
  const names: string[] = left === undefined ? [] : ['never']
  for await (const member of client.items('/api/members', { params: { query: { limit: 100 } } })) {
    names.push(member.id)
  }
  for await (const session of client.items('/api/sessions')) names.push(session.id)
  return names
}

export async function mistakes(): Promise<void> {
  // @ts-expect-error there is no such path
  await client.GET('/api/membres')
  // @ts-expect-error there is no such method
  await client.PUT('/api/members/{user_id}', { params: { path: { user_id: 'x' } } })
  // @ts-expect-error the path parameter is missing
  await client.GET('/api/members/{user_id}')
  const params = { path: { user_id: 'x' } }
  // @ts-expect-error the field does not exist
  await client.PATCH('/api/members/{user_id}', { params, body: { role: 'manager' } })
  // @ts-expect-error it is no list
  for await (const it of client.items('/api/auth/me')) await it
  // @ts-expect-error a list has no such parameter
  client.items('/api/members', { params: { query: { limits: 1 } } })
  const { data } = await client.GET('/api/auth/me')
  // @ts-expect-error the reply has no such field
  await data.password
}
