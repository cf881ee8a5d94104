import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { MeterReading } from './meter_reading.ts'

const processes = join(import.meta.dirname, '../dist/processes')

export interface ChildOptions {
  /** The arguments of `node`: a script and its arguments. */
  args: string[]
  env?: Record<string, string>
  cwd?: string
}

/** A server process that reports its resource usage. */
export interface Child {
  port: number
  reading(after?: 'collection'): Promise<MeterReading>
  /** Resolves with the process's next message; rejects when the process ends first. */
  receive<T>(): Promise<T>
  send(message: object): void
  stop(): Promise<void>
}

/** The built script of one of the benchmark's own processes. */
export function builtScript(name: string): string {
  return join(processes, `${name}.js`)
}

/** Starts a process as in production; its log is discarded. */
export function startChild({ args, env = {}, cwd = '.' }: ChildOptions): Child {
  const { PATH = '', HOME = '' } = process.env
  const meter = pathToFileURL(builtScript('meter')).href
  const flags = ['--expose-gc', ...profilingFlags(), '--import', meter]
  const child = spawn(process.execPath, [...flags, ...args], {
    cwd,
    // Only the variables that a program needs.
    env: { PATH, HOME, NODE_ENV: 'production', ...env },
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
  return {
    port: 0,
    async reading(after) {
      child.send(after === undefined ? 'reading' : 'reading after collection')
      return nextMessage(child)
    },
    receive: () => nextMessage(child),
    send: (message) => child.send(message),
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return
      child.kill('SIGTERM')
      await once(child, 'exit')
    },
  }
}

/** One of the benchmark's own servers, with the other fields of its first message. */
export interface Peer extends Child {
  info: Record<string, string>
}

/** Starts one of the benchmark's own servers on a free port. */
export async function startPeer(name: string, env: Record<string, string> = {}): Promise<Peer> {
  const child = startChild({ args: [builtScript(name)], env })
  const { port, ...info } = await child.receive<{ port: number } & Record<string, string>>()
  return Object.assign(child, { port, info })
}

async function nextMessage<T>(child: ChildProcess): Promise<T> {
  const settled = new AbortController()
  const received = once(child, 'message', settled)
  const ended = once(child, 'exit', settled).then(() => {
    throw new Error(`a process ended early: ${child.spawnargs.join(' ')}`)
  })
  try {
    const [message] = await Promise.race([received, ended])
    return message
  } finally {
    ended.catch(() => {})
    settled.abort()
  }
}

// BENCH_PROFILE names a folder for a profile of each server.
function profilingFlags(): string[] {
  const { BENCH_PROFILE } = process.env
  return BENCH_PROFILE === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${BENCH_PROFILE}`]
}
