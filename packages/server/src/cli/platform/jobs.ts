import { Command, InvalidArgumentError, Option } from 'commander'
import type { Kysely } from 'kysely'
import type { KernelTables } from '../../db/tables.ts'
import { OperatorError } from '../../lib/operator_error.ts'
import {
  type ChangedJob,
  dropJobs,
  findJob,
  type JobFilter,
  jobIds,
  jobStates,
  jobStats,
  listJobs,
  retryJobs,
} from '../../modules/jobs/jobs.ts'
import { findTenantId } from '../../modules/tenants/tenants.ts'
import { printJson, printTable } from '../print.ts'
import {
  noTenant,
  type PlatformOptions,
  reasonOf,
  recordPlatformAction,
  runPlatformCommand,
} from './platform_command.ts'

const MAX_CHANGED = 10_000

/** `tenantry jobs`. */
export function jobsCommand(): Command {
  const jobs = new Command('jobs')
    .description('List, show, retry and drop background jobs (docs/jobs.md).')
    .addHelpText('after', examples)
  withFilter(jobs.command('list'))
    .description('list jobs, oldest first')
    .option('--limit <n>', 'how many', limitOf, 50)
    .action(list)
  withCommonOptions(jobs.command('show <id>')).description('show one job').action(show)
  withFilter(jobs.command('retry [id]'))
    .description('run a parked or postponed job again, or all parked jobs of a --kind or --tenant')
    .action((id, options) => change('retry', id, options))
  withFilter(jobs.command('drop [id]'))
    .description('delete a job that does not run, or all parked jobs of a --kind or --tenant')
    .action((id, options) => change('drop', id, options))
  withFilter(jobs.command('stats')).description('count jobs by kind and state').action(stats)
  return jobs
}

function withCommonOptions(command: Command): Command {
  return command
    .option('--reason <text>', 'reason for the platform log (default: the command line)')
    .option('--json', 'print JSON')
}

function withFilter(command: Command): Command {
  return withCommonOptions(command)
    .option('--tenant <subdomain>', 'only jobs of this tenant')
    .option('--kind <kind>', 'only jobs of this kind, such as digests.send')
    .addOption(new Option('--state <state>', 'only jobs in this state').choices(jobStates))
}

type Options = PlatformOptions & JobFilter
type Db = Kysely<KernelTables>

async function list(options: Options & { limit: number }): Promise<void> {
  const rows = await acrossTenants(options, async (db) =>
    listJobs(db, await filterOf(db, options), options.limit),
  )
  if (options.json) return printJson(rows)
  printTable(
    ['ID', 'TENANT', 'KIND', 'STATE', 'ATTEMPTS', 'RUN AT', 'ERROR'],
    rows.map((it) => [
      it.id,
      it.subdomain,
      it.kind,
      it.reason === null ? it.state : `${it.state} (${it.reason})`,
      String(it.attempts),
      it.run_at,
      printable(it.last_error ?? ''),
    ]),
  )
}

async function show(id: string, options: PlatformOptions): Promise<void> {
  const job = await acrossTenants(options, (db) => findJob(db, uuidOf(id)))
  if (job === undefined) throw noJob(id)
  if (options.json) return printJson(job)
  printTable(
    ['FIELD', 'VALUE'],
    Object.entries(job).map(([name, value]) => [
      name,
      printable(typeof value === 'string' ? value : JSON.stringify(value)),
    ]),
  )
}

async function stats(options: Options): Promise<void> {
  const rows = await acrossTenants(options, async (db) => jobStats(db, await filterOf(db, options)))
  if (options.json) return printJson(rows)
  printTable(
    ['KIND', 'STATE', 'JOBS', 'OLDEST RUN AT'],
    rows.map((it) => [it.kind, it.state, String(it.count), it.oldest_run_at]),
  )
}

// Without an id only parked jobs: the others will run by themselves.
async function change(verb: 'retry' | 'drop', id: string | undefined, options: Options) {
  if (id === undefined && options.kind === undefined && options.tenant === undefined) {
    throw new OperatorError(`name the job to ${verb}, or give --kind or --tenant`)
  }
  const changed = await acrossTenants(options, async (db) => {
    const filter = { ...(await filterOf(db, options)), state: options.state ?? 'parked' }
    const ids = id === undefined ? await jobIds(db, filter, MAX_CHANGED) : [uuidOf(id)]
    const jobs = await (verb === 'retry' ? retryJobs : dropJobs)(db, ids)
    if (id !== undefined && jobs.length === 0) throw await notChanged(db, id)
    for (const job of jobs) await record(db, `jobs.${verb}`, job)
    return jobs
  })
  if (options.json) return printJson(changed)
  console.log(`${verb === 'retry' ? 'made ready' : 'dropped'}: ${changed.length} jobs`)
}

function record(db: Db, action: string, { tenant_id, id, kind }: ChangedJob): Promise<void> {
  const about = { entity: 'jobs', entity_id: id, meta: { job: kind } }
  return recordPlatformAction(db, { tenant_id, action, ...about })
}

function acrossTenants<T>(options: PlatformOptions, work: (db: Db) => Promise<T>): Promise<T> {
  return runPlatformCommand(({ database }) => database.acrossTenants(reasonOf(options), work))
}

async function filterOf(db: Db, { tenant: subdomain, kind, state }: JobFilter): Promise<JobFilter> {
  if (subdomain === undefined) return { kind, state }
  const tenant = await findTenantId(db, subdomain)
  if (tenant === undefined) throw noTenant(subdomain)
  return { tenant, kind, state }
}

async function notChanged(db: Db, id: string): Promise<OperatorError> {
  const job = await findJob(db, id)
  return job === undefined
    ? noJob(id)
    : new OperatorError(`job ${id} is ${job.state}: a job that runs cannot be changed`)
}

function noJob(id: string): OperatorError {
  return new OperatorError(`there is no job ${id}: it has ended, or see tenantry jobs list`)
}

function uuidOf(text: string): string {
  if (/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text)) return text
  throw new OperatorError(`"${text}" is not the id of a job: see tenantry jobs list`)
}

function limitOf(text: string): number {
  const value = Number(text)
  if (/^\d+$/.test(text) && value >= 1 && value <= MAX_CHANGED) return value
  throw new InvalidArgumentError(`It must be a number from 1 to ${MAX_CHANGED}.`)
}

// A payload or an error may hold what a terminal would obey.
function printable(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, ' ')
}

const examples = `
Examples:
  $ tenantry jobs stats
  $ tenantry jobs list --state parked --tenant acme
  $ tenantry jobs retry --kind digests.send`
