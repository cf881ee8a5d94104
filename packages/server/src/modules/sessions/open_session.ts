import { type Kysely, sql } from 'kysely'
import type { RequestInfo } from '../../context.ts'
import { rolesOf } from '../../db/live_session.ts'
import type { KernelTables } from '../../db/tables.ts'
import { newId } from '../../ids.ts'

/** How long sessions live, in seconds. */
export interface SessionTimes {
  idleSeconds: number
  maxSeconds: number
}

export interface NewSession {
  userId: string
  /** users.sessions_valid_from as the credential check saw it, in PostgreSQL's own text. */
  credentialsFrom: string
  times: SessionTimes
  /** Absent for a sign-in that gets an access token only. */
  refreshHash?: Buffer
}

export interface OpenedSession {
  id: string
  roles: string[]
  /** Of the refresh token's row. */
  createdAt: string
  refreshExpiresAt: string
}

/**
 * Opens a session for a member, in the tenant's transaction. Undefined where the user is no active
 * member of this tenant.
 */
export async function openSession(
  db: Kysely<KernelTables>,
  request: RequestInfo,
  session: NewSession,
): Promise<OpenedSession | undefined> {
  const member = await db
    .selectFrom('tenantry.members as m')
    .select(rolesOf('m.user_id').as('roles'))
    .where('m.user_id', '=', session.userId)
    .where('m.is_active', '=', true)
    .executeTakeFirst()
  if (member === undefined) return undefined
  const id = newId()
  const { idle_expires_at, created_at } = await insertSession(db, request, id, session)
  if (session.refreshHash !== undefined) {
    await db
      .insertInto('tenantry.refresh_tokens')
      .values({
        hash: session.refreshHash,
        session_id: id,
        created_at: sql<string>`now()`,
        expires_at: idle_expires_at,
      })
      .execute()
  }
  return { id, roles: member.roles, createdAt: created_at, refreshExpiresAt: idle_expires_at }
}

function insertSession(
  db: Kysely<KernelTables>,
  request: RequestInfo,
  id: string,
  { userId, credentialsFrom, times }: NewSession,
) {
  const idle = Math.min(times.idleSeconds, times.maxSeconds)
  return db
    .insertInto('tenantry.sessions')
    .values({
      id,
      user_id: userId,
      user_agent: request.userAgent,
      address: request.address,
      credentials_from: sql<string>`${credentialsFrom}::timestamptz`,
      idle_expires_at: inSeconds(idle),
      expires_at: inSeconds(times.maxSeconds),
    })
    .returning(['created_at', 'idle_expires_at'])
    .executeTakeFirstOrThrow()
}

function inSeconds(seconds: number) {
  // Whole seconds, as a JWT can say: the token's row and its claims must agree.
  return sql<string>`date_trunc('second', now()) + make_interval(secs => ${seconds})`
}
