import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

/** The server of `tenantry dev`, as a child that each change replaces. */
export interface Supervisor {
  /** Starts the server, or replaces it because a file changed. Changes while it ends count as one. */
  restart(changed?: string): void
  stop(): Promise<void>
}

/** How long a restart waits for requests in flight: a stream that a browser keeps open has no end. */
const RESTART_GRACE_MS = 1_500
/** How long the end waits: the database stops after the server, and must not wait for ever. */
const STOP_GRACE_MS = 15_000
const bin = fileURLToPath(new URL('../../bin/tenantry.js', import.meta.url))

export function supervise(): Supervisor {
  let child: ChildProcess | undefined
  let last = Promise.resolve()
  let isQueued = false
  let isStopping = false
  let wasReady = false
  const start = (changed: string | undefined) => {
    // The banner appears once: a later start gets the name of the changed file instead.
    const after = changed !== undefined && wasReady ? ['--after', changed] : []
    const started = spawn(process.execPath, [bin, 'start', '--managed', ...after], {
      stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
    })
    started.on('message', () => (wasReady = true))
    started.on('exit', () => {
      if (child !== started) return
      child = undefined
      if (!isStopping) console.error('tenantry: the server exited; waiting for a change')
    })
    child = started
  }
  const end = async (graceMs: number) => {
    const ending = child
    child = undefined
    if (ending !== undefined) await terminate(ending, graceMs)
  }
  return {
    restart(changed) {
      if (isQueued) return
      isQueued = true
      last = last.then(async () => {
        await end(RESTART_GRACE_MS)
        isQueued = false
        if (!isStopping) start(changed)
      })
    },
    async stop() {
      isStopping = true
      await last
      await end(STOP_GRACE_MS)
    },
  }
}

async function terminate(child: ChildProcess, graceMs: number): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exit = once(child, 'exit')
  child.kill('SIGTERM')
  // The database runs in another process: PostgreSQL rolls back what the server leaves open.
  const timer = setTimeout(() => child.kill('SIGKILL'), graceMs)
  await exit
  clearTimeout(timer)
}
