import { inspect } from 'node:util'

/** Keeps what the process writes to stdout and stderr, from now on. */
export function captureOutput() {
  const written: string[] = []
  const restore = [process.stdout, process.stderr].map((stream) => {
    const { write } = stream
    stream.write = function (this: typeof stream, ...args: unknown[]) {
      written.push(String(args[0]))
      return Reflect.apply(write, this, args)
    } as typeof stream.write
    return () => {
      stream.write = write
    }
  })
  // A test runner has a console of its own, which does not write to the streams of the process.
  const { console: shown } = globalThis
  for (const method of ['log', 'info', 'warn', 'error', 'debug'] as const) {
    const original = shown[method]
    shown[method] = (...args: unknown[]) => {
      written.push(args.map(printed).join(' '))
      original.apply(shown, args)
    }
    restore.push(() => {
      shown[method] = original
    })
  }
  const stop = () => {
    for (const undo of restore) undo()
  }
  return { text: () => written.join('\n'), stop }
}

function printed(value: unknown): string {
  return typeof value === 'string' ? value : inspect(value, { depth: 10 })
}
