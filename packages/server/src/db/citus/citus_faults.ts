import { type CitusState, type DataTable, FIRST } from './citus_state.ts'

const MINIMUM_MAJOR = 12

/** Why the data plane cannot be distributed now, each with what to do. */
export function citusFaults(state: CitusState): string[] {
  const server = serverFaults(state)
  return server.length > 0 ? server : [...tableFaults(state)]
}

function serverFaults(state: CitusState): string[] {
  const { isSuperuser, version, database, workers } = state
  if (!isSuperuser) {
    return [
      'DB_ADMIN_URL does not name a superuser: under forced row-level security any other role copies no rows. Set the DSN of a superuser',
    ]
  }
  if (version === null) {
    return [
      `the database ${database} has no extension citus: on the coordinator and each worker, put citus into shared_preload_libraries, and run as a superuser: create extension citus`,
    ]
  }
  const faults: string[] = []
  if (Number.parseInt(version, 10) < MINIMUM_MAJOR) {
    faults.push(`Citus ${version} is too old: use ${MINIMUM_MAJOR} or later`)
  }
  if (!state.hasSchema) faults.push('the database has no schema yet: run tenantry setup')
  if (!state.coordinatorKnown) {
    faults.push(
      "the coordinator does not know its own address: run select citus_set_coordinator_host('HOST', PORT)",
    )
  }
  if (workers.length === 0) {
    faults.push("there is no worker: run select citus_add_node('HOST', PORT) for each")
  }
  faults.push(...walFaults(state), ...workers.flatMap((it) => workerFaults(it, state)))
  faults.push(
    ...state.unreachable.map(
      (it) =>
        `a worker refuses the coordinator's connection of ${it}. Let pg_hba.conf of the worker accept it, or add it to pg_dist_authinfo`,
    ),
  )
  return faults
}

function walFaults({ walLevel }: CitusState): string[] {
  return walLevel === 'logical' ? [] : [walFault('the coordinator', walLevel)]
}

function workerFaults(
  { name, version, walLevel, error }: CitusState['workers'][number],
  { version: wanted, database }: CitusState,
): string[] {
  if (error !== null) return [`worker ${name} does not answer (${error}): start it, or remove it`]
  const faults: string[] = []
  if (walLevel !== 'logical') faults.push(walFault(`worker ${name}`, walLevel ?? ''))
  if (version === '') {
    faults.push(
      `worker ${name} has no extension citus in ${database}: run create extension citus there`,
    )
  } else if (version !== wanted) {
    faults.push(
      `worker ${name} has Citus ${version}, the coordinator ${wanted}: run alter extension citus update there`,
    )
  }
  return faults
}

function walFault(server: string, walLevel: string): string {
  return `wal_level of ${server} is ${walLevel}, and moves of tenants need logical: change it and restart`
}

function tableFaults({ tables, referrers, unrecorded }: CitusState): string[] {
  const first = tables.find(({ name }) => name === FIRST)
  return [
    ...tables.flatMap((it) => faultsOf(it, first)),
    ...unrecorded.map(
      (it) =>
        `${it} has lost the record of its plane: run comment on policy app_own_tenant on ${it} is 'tenantry: data plane'`,
    ),
    ...referrers.map(
      (it) => `${it} refers to a distributed table from the coordinator: drop that foreign key`,
    ),
  ]
}

// pg_dist_partition says how a table was distributed; a size above 0, that its rows were left behind.
function faultsOf(table: DataTable, first: DataTable | undefined): string[] {
  const { name, kind, column, group, localBytes, wrongKeys, restrictive } = table
  const faults = wrongKeys.map(
    (it) =>
      `${name} (${it}) would change tenant_id: write no on update cascade, and name the columns in on delete set null`,
  )
  if (kind === 'other') {
    return [
      ...faults,
      `${name} is a reference or local table of Citus: run select undistribute_table('${name}')`,
    ]
  }
  if (kind === 'local') return [...faults, ...unknown(table)]
  if (column !== 'tenant_id' || group !== first?.group) {
    return [
      ...faults,
      `${name} was distributed by hand, by ${column} and not together with ${FIRST}: run select undistribute_table('${name}')`,
    ]
  }
  if (restrictive.length > 0) return [...faults, ...unknown(table)]
  if (localBytes === 0) return faults
  return [
    ...faults,
    `${name} was distributed by hand, and ${localBytes} bytes of its rows are on the coordinator alone, where no query finds them: docs/scaling.md says how to get them back`,
  ]
}

// What the kernel puts on the audit log is dropped with care: docs/decisions/0082-the-audit-log-on-citus.md. An
// app knows what its own is for.
function unknown(table: DataTable): string[] {
  const { name, lateKeys, triggers, policies, columnGrants, restrictive } = table
  const isKnown = (it: string) => name === FIRST && OF_AUDIT_LOG.has(it)
  return [
    ...lateKeys.map(
      (it) =>
        `${name} (${it}) is deferrable, and Citus would report its violation as a fault of the server: add it again as not deferrable`,
    ),
    ...triggers
      .filter((it) => !isKnown(it))
      .map((it) => `${name} has the trigger ${it}, which Citus does not allow: drop it`),
    ...policies
      .filter((it) => !isKnown(it))
      .map(
        (it) =>
          `the policy ${it} of ${name} reads more than columns and app.tenant_id, which no worker can: rewrite it`,
      ),
    ...restrictive
      .filter((it) => !isKnown(it))
      .map(
        (it) =>
          `the policy ${it} of ${name} is restrictive, and Citus would write it on the workers as a permissive one, which shows more rows: fold its condition into the other policy`,
      ),
    ...(columnGrants && name !== FIRST
      ? [`${name} grants single columns, which Citus does not pass on: grant the whole table`]
      : []),
  ]
}

const OF_AUDIT_LOG = new Set([
  'retain_log',
  'platform_erases_tenants',
  'app_known_actor',
  'identity_known_actor',
  'platform_known_actor',
])
