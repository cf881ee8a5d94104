// `GET /api/projects/:id` and `POST /api/projects` written by hand: the same statements, prepared and
// pipelined over the same number of connections, behind Node's own server. No host, token or limits.
import { randomUUID } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { env } from 'node:process'
import pg from 'pg'
import { v7 } from 'uuid'
import { sendJson } from './send_json.ts'
import { serveOn } from './serve_on.ts'

const { DB_URL = '', TENANT_ID = '', USER_ID = '', SESSION_ID = '', PERMISSIONS_SQL = '' } = env
const pool = new pg.Pool({ connectionString: DB_URL, max: 10, pipeline: true } as pg.PoolConfig)
const columns = 'id, name, description, created_at, updated_at'

const begin = { text: 'BEGIN' }
const commit = { text: 'COMMIT' }
const setTenant = {
  name: 'set_tenant',
  text: 'select tenantry.set_tenant($1)',
  values: [TENANT_ID],
}
const permissions = { name: 'permissions', text: PERMISSIONS_SQL, values: [SESSION_ID, USER_ID] }

await serveOn(
  createServer((request, response) => {
    answer(request, response).catch((error: Error) => sendJson(response, 500, error.message))
  }),
)

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (request.method === 'GET') {
    const id = request.url?.split('/')[3] ?? ''
    return sendJson(response, 200, await inTransaction([setTenant, readProject(id)]))
  }
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk)
  const { name } = JSON.parse(Buffer.concat(chunks).toString())
  const id = v7()
  const made = await inTransaction(
    [setTenant, permissions, createProject(id, name), auditRow(id)],
    2,
  )
  sendJson(response, 201, made)
}

// Pipelined: no statement waits for the one before. Returns the row of the statement at `wanted`.
async function inTransaction(statements: pg.QueryConfig[], wanted = statements.length - 1) {
  const client = await pool.connect()
  try {
    const replies = await Promise.all([begin, ...statements, commit].map((it) => client.query(it)))
    return replies[wanted + 1]?.rows[0]
  } finally {
    client.release()
  }
}

function readProject(id: string): pg.QueryConfig {
  return { name: 'read', text: `select ${columns} from projects where id = $1`, values: [id] }
}

function createProject(id: string, name: string): pg.QueryConfig {
  return {
    name: 'create',
    text: `insert into projects (id, name, description) values ($1, $2, $3) returning ${columns}`,
    values: [id, name, ''],
  }
}

function auditRow(projectId: string): pg.QueryConfig {
  return {
    name: 'audit',
    text: `insert into tenantry.audit_logs
      (action, entity, entity_id, actor_id, session_id, meta, request_id, address)
      values ($1, $2, $3, $4, $5, $6, $7, $8)`,
    values: [
      'projects.create',
      'projects',
      projectId,
      USER_ID,
      SESSION_ID,
      '{}',
      randomUUID(),
      '127.0.0.1',
    ],
  }
}
