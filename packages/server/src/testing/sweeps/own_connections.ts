import { Socket } from 'node:net'
import { call, inSafeOrder, nameOf, readyFor, type World } from './world/world.ts'

const PROTOCOL = 3
const KERNEL_NAME = /^tenantry /

/** The application_name of each connection to PostgreSQL, of any driver. */
const applications = new WeakMap<Socket, string>()
let queried = new Set<string>()

/**
 * Calls every route, and observes what the process sends to PostgreSQL meanwhile. A connection that is not
 * the kernel's has no tenant, and its role may not be subject to row-level security.
 */
export async function ownConnectionFaults(world: World): Promise<string[]> {
  const faults: string[] = []
  for (const route of inSafeOrder(world)) {
    const here = await readyFor(world, route, world.a)
    queried = new Set()
    await call(world, route, here, here.admin)
    await world.api.running.settle()
    for (const application of [...queried].filter((it) => !KERNEL_NAME.test(it))) {
      faults.push(
        `${nameOf(route)}: queries PostgreSQL on its own connection ` +
          `(application_name ${application}); use ctx.db instead`,
      )
    }
  }
  return faults
}

// Patched when this file is loaded, because an app may connect as soon as it is loaded. Every driver writes
// through Socket.write, with or without TLS.
const { write } = Socket.prototype
Socket.prototype.write = function (this: Socket, ...args: unknown[]) {
  const application = applications.get(this) ?? applicationIn(args[0])
  if (application !== undefined) {
    applications.set(this, application)
    queried.add(application)
  }
  return Reflect.apply(write, this, args)
}

// The first message: its length, the protocol version, then alternating names and values, each terminated by
// a zero byte (PostgreSQL manual, "Message Formats", StartupMessage).
function applicationIn(message: unknown): string | undefined {
  if (!(message instanceof Uint8Array) || message.length < 9) return undefined
  const bytes = Buffer.from(message.buffer, message.byteOffset, message.length)
  if (bytes.readInt32BE(0) !== bytes.length || bytes.readInt16BE(4) !== PROTOCOL) return undefined
  const words = bytes.toString('utf8', 8).split('\0')
  const at = words.findIndex((it, place) => place % 2 === 0 && it === 'application_name')
  return at < 0 ? '(none)' : words[at + 1]
}
