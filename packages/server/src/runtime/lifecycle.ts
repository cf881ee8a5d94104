/** Thrown by a start that was told to stop before it was done. */
class Stopped extends Error {}

export type Release = () => Promise<void> | void

/** The life of a long-running command: what ends it, and what has to be let go of at its end. */
export interface Lifecycle {
  /** The exit code, once a signal or a fault asks for the end. */
  readonly ended: Promise<number>
  /** Resolves when somebody will not wait any longer for what is in flight. */
  readonly forced: Promise<void>
  /** Asks for the end. */
  end(code: number): void
  /** Throws Stopped where the end was asked for: to be called between the steps of a start. */
  assertOngoing(): void
  /** What to do at the end; the last one added comes first. */
  atEnd(release: Release): void
}

export interface LifecycleOptions {
  /** Told of what nobody caught: the process goes on only to finish what is in flight. */
  onFault(error: unknown): void
}

// npm passes a terminal's Ctrl-C on to a process that has it already: one press, two signals.
const SAME_PRESS_MS = 500

/**
 * Runs a command until it is asked to end, lets go of everything it took, and gives the exit code.
 * Ctrl-C and SIGTERM ask; a second Ctrl-C waits for nobody, a third one drops everything.
 */
export async function runLifecycle(
  options: LifecycleOptions,
  start: (life: Lifecycle) => Promise<void>,
) {
  const releases: Release[] = []
  const life = newLife(releases)
  // Whoever read our output may be gone before us.
  process.stdout.on('error', () => {})
  watchFaults(options, life.end)
  watchSignals(life.end, life.hurry)
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

// One that fails must not keep the others: a database left running is worse than an error.
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

function newLife(releases: Release[]): Lifecycle & { hurry(): void } {
  let asked: number | undefined
  const [ended, resolveEnd] = promise<number>()
  const [hurried, hurry] = promise<void>()
  return {
    ended,
    forced: hurried,
    hurry,
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

function watchSignals(end: (code: number) => void, hurry: () => void): void {
  let presses = 0
  let last = Number.NEGATIVE_INFINITY
  process.on('SIGINT', () => {
    const now = performance.now()
    if (now - last < SAME_PRESS_MS) return
    last = now
    presses++
    if (presses > 2) process.exit(130)
    if (presses > 1) hurry()
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
    // Even letting go fails: nothing is gained by trying longer.
    if (seen > 10) process.exit(1)
    end(1)
  }
  process.on('uncaughtException', onError)
  process.on('unhandledRejection', onError)
}

const PARENT_INTERVAL_MS = 250

/**
 * Ends with the shell that npm runs a script in: npm passes a signal to that shell only, and it dies
 * without passing it on.
 */
export function endWithShell(life: Lifecycle, environment: NodeJS.ProcessEnv): void {
  if (environment['npm_command'] === undefined) return
  const shell = process.ppid
  const timer = setInterval(() => {
    if (process.ppid !== shell) life.end(0)
  }, PARENT_INTERVAL_MS)
  timer.unref()
}
