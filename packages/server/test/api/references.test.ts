import { randomUUID } from 'node:crypto'
import { newId, type TenantContext } from 'tenantry'
import { startTestApp, type TestApp, type TestTenant, type TestUser } from 'tenantry/testing'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { withClient } from '../../src/db/connect/with_client.ts'
import { app } from '../fixtures/app/app.ts'
import { policy } from '../fixtures/app/policy.ts'
import { isDistributed, onDistributableDatabase } from '../fixtures/databases.ts'
import { expectProblem } from '../fixtures/problem.ts'

interface Tasks {
  tasks: { id: string; project_id: string; parent_id: string | null; checked_late: string | null }
}

const schema = `
  create table tasks (
    tenant_id uuid not null, id uuid not null, project_id uuid not null, parent_id uuid,
    checked_late uuid, primary key (tenant_id, id),
    foreign key (tenant_id, project_id) references projects (tenant_id, id),
    constraint tasks_parent foreign key (tenant_id, parent_id) references tasks (tenant_id, id)
      on delete restrict,
    constraint late foreign key (tenant_id, checked_late) references projects (tenant_id, id)
      deferrable initially deferred);
  select tenantry.make_tenant_table('tasks')`

const Task = z.strictObject({
  project_id: z.uuid(),
  parent_id: z.uuid().nullable().default(null),
  checked_late: z.uuid().nullable().default(null),
})
const { post, patch, del } = policy.routes<Tasks>()
const params = z.object({ task_id: z.uuid() })
const access = 'projects:create'

const routes = [
  post('/api/tasks', {
    access,
    summary: '',
    body: Task,
    reply: z.object({ id: z.uuid() }),
    status: 201,
    handle: (ctx, { body }) => insert(ctx, body),
  }),
  patch('/api/tasks/:task_id', {
    access,
    summary: '',
    params,
    body: Task.pick({ project_id: true }),
    handle: async ({ db }, { params, body }) => {
      await db.updateTable('tasks').set(body).where('id', '=', params.task_id).execute()
    },
  }),
  del('/api/tasks/:task_id', {
    access,
    summary: '',
    params,
    handle: async ({ db }, { params }) => {
      await db.deleteFrom('tasks').where('id', '=', params.task_id).execute()
    },
  }),
]

function insert({ db }: TenantContext<Tasks>, task: z.output<typeof Task>) {
  const values = { id: newId(), ...task }
  return db.insertInto('tasks').values(values).returning('id').executeTakeFirstOrThrow()
}

// One test for everything, because it needs a database of its own.
test('a reference to an unknown row is a 422 at its field; a referenced row cannot be deleted', () =>
  onDistributableDatabase(async (urls) => {
    await withClient(urls.owner, (client) => client.query(schema))
    const { app: DB_URL, identity: DB_IDENTITY_URL, platform: DB_PLATFORM_URL } = urls
    const constraints = {
      ...app.constraints,
      tasks_parent: { code: 'task.has_parts', detail: 'It has parts', pointer: '/part_of' },
    }
    const api = await startTestApp(
      { ...app, routes: [...app.routes, ...routes], constraints },
      { DB_URL, DB_IDENTITY_URL, DB_PLATFORM_URL, DB_LISTEN_URL: DB_IDENTITY_URL },
    )
    try {
      await expectReferenceErrors(await makeTenant(api), await makeTenant(api))
    } finally {
      await api.close()
    }
  }))

interface TenantWithProject {
  send(method: string, path: string, body?: unknown): ReturnType<TestTenant['send']>
  project: string
}

async function makeTenant(api: TestApp): Promise<TenantWithProject> {
  const tenant = await api.makeTenant()
  const user: TestUser = await tenant.makeUser({ roles: ['admin_tenant'] })
  const send = (method: string, path: string, body?: unknown) =>
    tenant.send({ method, path, user, ...(body === undefined ? {} : { body }) })
  const made = await send('POST', '/api/projects', { name: 'Apollo' })
  return { send, project: made.json.id }
}

async function expectReferenceErrors(
  { send, project }: TenantWithProject,
  other: TenantWithProject,
): Promise<void> {
  const create = (body: object) => send('POST', '/api/tasks', { project_id: project, ...body })
  const faultsOf = async (request: ReturnType<typeof create>) => {
    const reply = await request
    expectProblem(reply, 422)
    return reply.json.errors
  }
  const fault = (pointer: string) => [
    { pointer, message: 'refers to something that does not exist' },
  ]

  // A row of another tenant is as unknown as one that never existed.
  for (const project_id of [randomUUID(), other.project]) {
    expect(await faultsOf(create({ project_id }))).toEqual(fault('/project_id'))
  }
  expect(await faultsOf(create({ parent_id: randomUUID() }))).toEqual(fault('/part_of'))
  const late = create({ checked_late: randomUUID() })
  // Citus does not say why a worker could not commit: docs/scaling.md.
  if (isDistributed()) expect((await late).status).toBe(503)
  else expect(await faultsOf(late)).toEqual(fault('/checked_late'))

  const task = (await create({})).json.id
  const path = `/api/tasks/${task}`
  const moved = send('PATCH', path, { project_id: other.project })
  expect(await faultsOf(moved)).toEqual(fault('/project_id'))

  const codeOf = async (request: ReturnType<typeof send>) => {
    const { status, json } = await request
    return [status, json?.code]
  }
  expect(await codeOf(send('DELETE', `/api/projects/${project}`))).toEqual([409, 'resource.in_use'])
  const part = (await create({ parent_id: task })).json.id
  expect(await codeOf(send('DELETE', path))).toEqual([409, 'task.has_parts'])
  expect(await codeOf(send('DELETE', `/api/tasks/${part}`))).toEqual([204, undefined])
  expect(await codeOf(send('DELETE', path))).toEqual([204, undefined])
  expect(await codeOf(send('DELETE', `/api/projects/${project}`))).toEqual([204, undefined])
}
