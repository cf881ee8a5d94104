// No-op jobs with graphile-worker: adds as many as the parent asks for, and says how long it took to run them.
import { env } from 'node:process'
import { makeWorkerUtils, run } from 'graphile-worker'
import pg from 'pg'

const { JOBS_DB_URL = '', CONCURRENCY = '10' } = env
const pgPool = new pg.Pool({ connectionString: JOBS_DB_URL, max: Number(CONCURRENCY) + 2 })
const utils = await makeWorkerUtils({ pgPool })
await utils.migrate()

process.on('message', async (count: number | string) => {
  if (typeof count !== 'number') return
  await pgPool.query(
    `select graphile_worker.add_jobs(array(
       select row('noop', '{}'::json, null, now(), 25, null, 0, null)::graphile_worker.job_spec
       from generate_series(1, $1::int)))`,
    [count],
  )
  let left = count
  let finish = () => {}
  const finished = new Promise<void>((resolve) => {
    finish = resolve
  })
  const startedAt = performance.now()
  const runner = await run({
    pgPool,
    concurrency: Number(CONCURRENCY),
    noHandleSignals: true,
    taskList: {
      noop: () => {
        left--
        if (left === 0) finish()
      },
    },
  })
  await finished
  const seconds = (performance.now() - startedAt) / 1_000
  await runner.stop()
  process.send?.({ seconds })
})
// Between two runs nothing else keeps the process alive.
process.channel?.ref()
process.send?.({ port: 0 })
