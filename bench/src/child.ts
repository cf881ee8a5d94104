import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { MeterReading } from './meter_reading.ts'

const processes = join(import.meta.dirname, '../dist/processes')

export interface ChildOptions {
  /** What follows `node`: a script and its arguments. */
  args: string[]
  env?: Record<string, string>
  cwd?: string
}

/** A server process that says what it has used. */
export interface Child {
  port: number
  reading(after?: 'collection'): Promise<MeterReading>
  /** Resolves with the next message of this shape that is no reading; rejects when it ends before. */
  says<T>(): Promise<T>
  tell(message: object): void
  stop(): Promise<void>
}

/** The script of a process of ours, as it was built. */
export function builtScript(name: string): string {
  return join(processes, `${name}.js`)
}

/** Starts a process as production does; its log goes nowhere. */
export function startChild({ args, env = {}, cwd = '.' }: ChildOptions): Child {
  const { PATH = '', HOME = '' } = process.env
  const meter = pathToFileURL(builtScript('meter')).href
  const flags = ['--expose-gc', ...profilingFlags(), '--import', meter]
  const child = spawn(process.execPath, [...flags, ...args], {
    cwd,
    // Of our own environment only what a program needs.
    env: { PATH, HOME, NODE_ENV: 'production', ...env },
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
  return {
    port: 0,
    async reading(after) {
      child.send(after === undefined ? 'reading' : 'reading after collection')
      return nextMessage(child)
    },
    says: () => nextMessage(child),
    tell: (message) => child.send(message),
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return
      child.kill('SIGTERM')
      await once(child, 'exit')
    },
  }
}

/** A server of ours, and what it had to say beside its port. */
export interface Peer extends Child {
  said: Record<string, string>
}

/** Starts a server of ours that listens on a free port. */
export async function startPeer(name: string, env: Record<string, string> = {}): Promise<Peer> {
  const child = startChild({ args: [builtScript(name)], env })
  const { port, ...said } = await child.says<{ port: number } & Record<string, string>>()
  return Object.assign(child, { port, said })
}

async function nextMessage<T>(child: ChildProcess): Promise<T> {
  const settled = new AbortController()
  const told = once(child, 'message', settled)
  const ended = once(child, 'exit', settled).then(() => {
    throw new Error(`a process ended early: ${child.spawnargs.join(' ')}`)
  })
  try {
    const [message] = await Promise.race([told, ended])
    return message
  } finally {
    ended.catch(() => {})
    settled.abort()
  }
}

// BENCH_PROFILE=folder leaves a profile of each server there.
function profilingFlags(): string[] {
  const { BENCH_PROFILE } = process.env
  return BENCH_PROFILE === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${BENCH_PROFILE}`]
}
