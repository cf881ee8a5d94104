/** Thrown by a start that was asked to end before it was complete. */
class Stopped extends Error {}

export type Release = () => Promise<void> | void

/** The lifecycle of a long-running command: what ends it, and what must be released at its end. */
export interface Lifecycle {
  /** The exit code. Resolves when a signal or a fault asks for the end. */
  readonly ended: Promise<number>
  /** Resolves when the end must not wait for what is in flight: after a second Ctrl-C. */
  readonly forced: Promise<void>
  /** Asks for the end. */
  end(code: number): void
  /** Throws Stopped if the end was asked for. Call it between the steps of a start. */
  assertOngoing(): void
  /** Adds a release for the end. Releases run in reverse order. */
  atEnd(release: Release): void
}

export interface LifecycleOptions {
  /** Called for an uncaught error. The process then only finishes what is in flight. */
  onFault(error: unknown): void
}

// The terminal sends Ctrl-C to the process, and npm forwards it: one press, two signals.
const SAME_PRESS_MS = 500

/**
 * Runs a command until it is asked to end, releases everything it acquired, and returns the exit code.
 * Ctrl-C and SIGTERM ask for the end. A second Ctrl-C does not wait for requests in flight, and a third one
 * exits immediately.
 */
export async function runLifecycle(
  options: LifecycleOptions,
  start: (life: Lifecycle) => Promise<void>,
) {
  const releases: Release[] = []
  const life = newLife(releases)
  // The reader of stdout may exit first: writing to a closed pipe must not end the process.
  process.stdout.on('error', () => {})
  watchFaults(options, life.end)
  watchSignals(life.end, life.force)
  try {
    await start(life)
    return await life.ended
  } catch (error) {
    if (!(error instanceof Stopped)) throw error
    return await life.ended
  } finally {
    await releaseAll(releases)
  }
}

// A failing release must not prevent the others: a database left running is worse than an error.
async function releaseAll(releases: Release[]): Promise<void> {
  const errors: unknown[] = []
  for (const release of releases) {
    try {
      await release()
    } catch (error) {
      errors.push(error)
    }
  }
  if (errors.length > 0) throw errors[0]
}

function newLife(releases: Release[]): Lifecycle & { force(): void } {
  let asked: number | undefined
  const [ended, resolveEnd] = promise<number>()
  const [forced, force] = promise<void>()
  return {
    ended,
    forced,
    force,
    end(code) {
      asked ??= code
      resolveEnd(code)
    },
    assertOngoing() {
      if (asked !== undefined) throw new Stopped()
    },
    atEnd: (release) => releases.unshift(release),
  }
}

function promise<T>(): [Promise<T>, (value: T) => void] {
  let resolve: (value: T) => void = () => {}
  return [new Promise<T>((settle) => (resolve = settle)), (value) => resolve(value)]
}

function watchSignals(end: (code: number) => void, force: () => void): void {
  let presses = 0
  let last = Number.NEGATIVE_INFINITY
  process.on('SIGINT', () => {
    const now = performance.now()
    if (now - last < SAME_PRESS_MS) return
    last = now
    presses++
    if (presses > 2) process.exit(130)
    if (presses > 1) force()
    end(0)
  })
  process.on('SIGTERM', () => end(0))
  process.on('SIGHUP', () => end(0))
}

function watchFaults({ onFault }: LifecycleOptions, end: (code: number) => void): void {
  let seen = 0
  const onError = (error: unknown) => {
    onFault(error)
    seen++
    // The releases themselves fail: trying longer would not help.
    if (seen > 10) process.exit(1)
    end(1)
  }
  process.on('uncaughtException', onError)
  process.on('unhandledRejection', onError)
}

const PARENT_INTERVAL_MS = 250

/**
 * Ends the command with the shell in which npm runs a script: npm signals only that shell, which exits
 * without forwarding the signal.
 */
export function endWithShell(life: Lifecycle, environment: NodeJS.ProcessEnv): void {
  if (environment['npm_command'] === undefined) return
  const shell = process.ppid
  const timer = setInterval(() => {
    if (process.ppid !== shell) life.end(0)
  }, PARENT_INTERVAL_MS)
  timer.unref()
}
