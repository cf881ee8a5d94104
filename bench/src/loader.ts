import { builtScript, startChild } from './child.ts'
import type { LoadJob, LoadResult } from './load_job.ts'

/** A load generator. One job at a time; for two at once start two. */
export interface Loader {
  run(job: LoadJob): Promise<LoadResult>
  stop(): Promise<void>
}

export async function startLoader(): Promise<Loader> {
  const child = startChild({ args: [builtScript('load')] })
  await child.says<{ ready: true }>()
  return {
    async run(job) {
      child.tell(job)
      const { result, error } = await child.says<{ result?: LoadResult; error?: string }>()
      if (result === undefined) throw new Error(`the load generator failed: ${error}`)
      return result
    },
    stop: () => child.stop(),
  }
}
