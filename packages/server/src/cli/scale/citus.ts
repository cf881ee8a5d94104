import { Command } from 'commander'
import { type CommandConfig, loadCommandConfig, readEnvironment } from '../../config/config.ts'
import { applyCitus } from '../../db/citus/apply_citus.ts'
import { citusFaults } from '../../db/citus/citus_faults.ts'
import { type CitusPlan, citusPlan, isDone } from '../../db/citus/citus_plan.ts'
import { type CitusState, readCitusState } from '../../db/citus/citus_state.ts'
import { rebalance, setForce } from '../../db/citus/moves.ts'
import { databaseOf, withDatabase } from '../../db/connect/dsn.ts'
import { withClient } from '../../db/connect/with_client.ts'
import { connectionFault } from '../../db/provisioning/probe.ts'
import { OperatorError } from '../../lib/operator_error.ts'

/** `tenantry scale citus`. */
export function citusCommand(): Command {
  return new Command('citus')
    .description(
      'Distribute the data plane by tenant over the workers of a Citus coordinator, as the superuser of ' +
        'DB_ADMIN_URL. Running it again continues, and distributes nothing twice.',
    )
    .option('--plan', 'check, and print the SQL')
    .option('--apply', 'check, and run the SQL; requests wait, and all servers connect anew')
    .option('--rebalance', 'move shards until all workers have as many, after one was added')
    .option('--lift-force', 'lift forced row-level security, for a move that you start yourself')
    .option('--restore-force', 'force row-level security again after that move')
    .addHelpText('after', examples)
    .action(citus)
}

type Client = Parameters<typeof readCitusState>[0]

interface CitusOptions {
  plan?: boolean
  apply?: boolean
  rebalance?: boolean
  liftForce?: boolean
  restoreForce?: boolean
}

async function citus(options: CitusOptions): Promise<void> {
  const chosen = Object.values(options).filter((it) => it === true).length
  if (chosen !== 1) {
    throw new OperatorError(
      'choose one of --plan, --apply, --rebalance, --lift-force and --restore-force',
    )
  }
  const url = adminUrl(loadCommandConfig(readEnvironment(process.cwd())))
  await withClient(url, (client) => run(client, options)).catch((error: unknown) => {
    if (error instanceof OperatorError) throw error
    throw connectionFault(error, url, 'DB_ADMIN_URL')
  })
}

// The database of the servers: the administrator's DSN usually names the one for maintenance.
function adminUrl({ DB_ADMIN_URL, DB_URL }: CommandConfig): string {
  if (DB_ADMIN_URL === undefined) {
    throw new OperatorError('set DB_ADMIN_URL to the DSN of a superuser on the coordinator')
  }
  return DB_URL === undefined ? DB_ADMIN_URL : withDatabase(DB_ADMIN_URL, databaseOf(DB_URL))
}

async function run(client: Client, options: CitusOptions): Promise<void> {
  const state = await checkedState(client)
  const plan = citusPlan(state)
  if (options.plan === true) console.log(textOf(plan))
  else if (options.apply === true) await apply(client, plan)
  else return move(client, plan, options)
  const lifted = state.tables.filter((it) => it.kind === 'distributed' && !it.forced)
  if (lifted.length > 0) console.log(notForced(lifted.map(({ name }) => name)))
}

async function move(client: Client, plan: CitusPlan, options: CitusOptions): Promise<void> {
  if (plan.distribution.length > 0) {
    throw new OperatorError(
      'the data plane is not distributed yet: run tenantry scale citus --apply',
    )
  }
  if (options.rebalance === true) {
    await rebalance(client)
    console.log('the shards are balanced, and row-level security is forced')
    return
  }
  const isForced = options.restoreForce === true
  const tables = await setForce(client, isForced)
  console.log(
    isForced ? `row-level security of ${tables.join(', ')} is forced again` : notForced(tables),
  )
}

function notForced(tables: string[]): string {
  return `row-level security of ${tables.join(', ')} is not forced: run --restore-force after the move`
}

async function checkedState(client: Client): Promise<CitusState> {
  const state = await readCitusState(client)
  const faults = citusFaults(state)
  if (faults.length > 0) throw new OperatorError(faults.join('\n'))
  return state
}

function textOf(plan: CitusPlan): string {
  if (isDone(plan)) return DONE
  const steps = (of: CitusPlan['options']) =>
    of.map(({ why, sql }) => `-- ${why}\n${sql};`).join('\n')
  const transaction = (of: CitusPlan['options']) =>
    of.length > 0 ? `begin;\n${steps(of)}\ncommit;` : ''
  const { options, phases, distribution } = plan
  return [steps(options), transaction(phases), transaction(distribution)].join('\n').trim()
}

async function apply(client: Client, plan: CitusPlan): Promise<void> {
  if (isDone(plan)) {
    console.log(DONE)
    return
  }
  await applyCitus(client, plan, (sql) => console.log(sql.split('\n')[0]))
  const left = citusPlan(await checkedState(client))
  if (!isDone(left))
    throw new OperatorError('some steps are left: run tenantry scale citus --apply')
  console.log('done: run tenantry doctor')
}

const DONE = 'nothing is left to do: the data plane is distributed'

const examples = `
Examples:
  $ tenantry scale citus --plan
  $ tenantry scale citus --apply
  $ tenantry scale citus --rebalance

docs/scaling.md says what it changes, when it pays, and what it cannot do.`
