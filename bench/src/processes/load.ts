// The load generator: a separate process, so that its cost counts for no server.
import type { LoadJob } from '../load_job.ts'
import { runLoad } from './run_load.ts'

process.on('message', (job: LoadJob) => {
  runLoad(job).then(
    (result) => process.send?.({ result }),
    (error: Error) => process.send?.({ error: error.message }),
  )
})
// Unlike a server, it stays alive for messages only.
process.channel?.ref()
process.on('disconnect', () => process.exit())
process.send?.({ ready: true })
