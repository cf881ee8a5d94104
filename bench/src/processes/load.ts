// The load generator: a process of its own, so that what it costs is in no server's account.
import type { LoadJob } from '../load_job.ts'
import { runLoad } from './run_load.ts'

process.on('message', (job: LoadJob) => {
  runLoad(job).then(
    (result) => process.send?.({ result }),
    (error: Error) => process.send?.({ error: error.message }),
  )
})
// Unlike a server, it lives for what it is told.
process.channel?.ref()
process.on('disconnect', () => process.exit())
process.send?.({ ready: true })
