// No-op jobs with the installed kernel: at each message it runs all that are there, and says how long it took.
import { join } from 'node:path'
import { env } from 'node:process'
import { pathToFileURL } from 'node:url'
import { pino } from 'pino'
import { z } from 'zod'

const { KERNEL = '' } = env
const from = (path: string) => import(pathToFileURL(join(KERNEL, path)).href)
const { createJobs } = await from('app/jobs/create_jobs.js')
const { loadConfig } = await from('config/config.js')
const { openDatabase } = await from('db/open_database.js')
const { createAppWorker } = await from('modules/jobs/app_worker.js')

const config = loadConfig(env)
const opened = openDatabase(config, () => {})
const noop = createJobs().job('bench.noop', { payload: z.strictObject({}), run: async () => {} })
const log = pino({ level: 'silent' })
const signal = { notify() {} }

process.on('message', async (message) => {
  if (message !== 'run') return
  const parts = { app: {}, config, log, database: opened.worker, signal }
  const worker = createAppWorker(parts, [noop])
  const startedAt = performance.now()
  worker.start()
  await worker.idle()
  const seconds = (performance.now() - startedAt) / 1_000
  await worker.stop(1_000)
  process.send?.({ seconds })
})
// An end by a signal would write no profile.
process.once('SIGTERM', () => process.exit())
// Between two runs nothing else keeps the process alive.
process.channel?.ref()
process.send?.({ port: 0 })
