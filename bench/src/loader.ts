import { builtScript, startChild } from './child.ts'
import type { LoadJob, LoadResult } from './load_job.ts'

/** A load generator. It runs one job at a time; start two for two concurrent jobs. */
export interface Loader {
  run(job: LoadJob): Promise<LoadResult>
  stop(): Promise<void>
}

export async function startLoader(): Promise<Loader> {
  const child = startChild({ args: [builtScript('load')] })
  await child.receive<{ ready: true }>()
  return {
    async run(job) {
      child.send(job)
      const { result, error } = await child.receive<{ result?: LoadResult; error?: string }>()
      if (result === undefined) throw new Error(`the load generator failed: ${error}`)
      return result
    },
    stop: () => child.stop(),
  }
}
