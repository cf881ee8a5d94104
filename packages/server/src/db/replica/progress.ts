import type pg from 'pg'
import { OperatorError } from '../../lib/operator_error.ts'

/** How far a server has come in the write-ahead log, and what shows that it is the right server. */
export interface Progress {
  standby: boolean
  /** The position in bytes. Null on a standby that has replayed nothing. */
  position: string | null
  timeline: number
  system: string
  login: string
  database: string
}

/**
 * The position of the primary after everything it has acknowledged, or of a standby after what it has
 * replayed. A standby names the timeline of its last restart point: it may be behind, never ahead.
 */
const progressSql = `
  select standby, position, timeline, c.system_identifier::text as system, current_user as login,
    current_database() as database
  from (select pg_is_in_recovery()) r (standby), pg_control_system() c, lateral (
    select case when standby then pg_last_wal_replay_lsn() else pg_current_wal_insert_lsn() end) l (lsn),
    lateral (select (lsn - '0/0'::pg_lsn)::text,
      case when standby then (select min_recovery_end_timeline from pg_control_recovery())
        else ('x' || left(pg_walfile_name(lsn), 8))::bit(32)::int end) p (position, timeline)`

/** Asks one server. */
export async function askProgress(server: pg.Pool | pg.ClientBase): Promise<Progress> {
  const { rows } = await server.query<Progress>({ text: progressSql })
  const [row] = rows
  if (row === undefined) throw new Error('the server reported no position')
  return row
}

/** Throws an OperatorError that says why reads may not go to the server of DB_READ_URL. */
export function assertReplicaOf(primary: Progress, replica: Progress): void {
  const fault = faultOf(primary, replica)
  if (fault !== undefined) throw new OperatorError(fault)
}

function faultOf(primary: Progress, replica: Progress): string | undefined {
  if (primary.standby) return 'DB_URL leads to a standby: no server is known to be the primary'
  if (!replica.standby) {
    return 'DB_READ_URL leads to a server that is no standby: name a streaming replica, or unset it'
  }
  if (replica.system !== primary.system) {
    return 'DB_READ_URL leads to a replica of another server than DB_URL: correct one of them'
  }
  if (replica.database !== primary.database || replica.login !== primary.login) {
    return (
      `DB_READ_URL names ${replica.login} and ${replica.database}, and DB_URL ${primary.login} and ` +
      `${primary.database}: name the same role and database in both`
    )
  }
  // After a failover a standby may have replayed what the new primary never had.
  if (replica.timeline !== primary.timeline) {
    return (
      `the replica is on timeline ${replica.timeline}, and the primary on ${primary.timeline}: after a ` +
      'failover that lasts until its next restart point; if it stays, build the replica anew'
    )
  }
  return undefined
}
