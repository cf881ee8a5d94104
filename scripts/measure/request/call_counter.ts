import { Session } from 'node:inspector'
import { fileURLToPath } from 'node:url'

/** The number of function calls in each file, by its path from the repository's root. */
export type Calls = Record<string, number>

const root = fileURLToPath(new URL('../../../', import.meta.url))
const ours = ['packages/server/src/', 'starter/src/']

interface Script {
  url: string
  functions: { functionName: string; ranges: { count: number }[] }[]
}

/** Counts the calls of this project's functions in this process, as V8's precise coverage does. */
export class CallCounter {
  readonly #session = new Session()

  constructor() {
    this.#session.connect()
    this.#session.post('Profiler.enable')
    this.#session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true })
  }

  /** The calls since the previous `take`. */
  take(): Calls {
    let scripts: readonly Script[] = []
    // The session is in this process, so the callback runs before `post` returns.
    this.#session.post('Profiler.takePreciseCoverage', (error, { result }) => {
      if (error !== null) throw error
      scripts = result
    })
    return callsIn(scripts)
  }
}

function callsIn(scripts: readonly Script[]): Calls {
  const calls: Calls = {}
  for (const { url, functions } of scripts) {
    const path = url.startsWith(`file://${root}`) ? fileURLToPath(url).slice(root.length) : ''
    if (!ours.some((it) => path.startsWith(it))) continue
    const count = functions.reduce((total, it) => total + callsOf(it), 0)
    if (count > 0) calls[path] = (calls[path] ?? 0) + count
  }
  return calls
}

function callsOf({ functionName, ranges }: Script['functions'][number]): number {
  // tsx adds this function to every file, to keep the names of functions.
  return functionName === '__name' ? 0 : (ranges[0]?.count ?? 0)
}
