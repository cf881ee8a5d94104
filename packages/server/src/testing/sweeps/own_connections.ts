import { Socket } from 'node:net'
import { call, inSafeOrder, nameOf, readyFor, type World } from './world.ts'

const PROTOCOL = 3
const OURS = /^tenantry /

/** By connection to PostgreSQL, whichever driver made it: the application name it gave. */
const applications = new WeakMap<Socket, string>()
let asked = new Set<string>()

/**
 * Calls every route and listens to what the process says to any PostgreSQL meanwhile: a connection
 * that no door made knows no tenant, and no row-level security holds for what its role may see.
 */
export async function ownConnectionFaults(world: World): Promise<string[]> {
  const faults: string[] = []
  for (const route of inSafeOrder(world)) {
    const here = await readyFor(world, route, world.a)
    asked = new Set()
    await call(world, route, here, here.admin)
    await world.api.running.settle()
    for (const application of [...asked].filter((it) => !OURS.test(it))) {
      faults.push(
        `${nameOf(route)}: asks PostgreSQL over a connection of its own ` +
          `(application_name ${application}); ask through ctx.db`,
      )
    }
  }
  return faults
}

// From when this is loaded: an app may connect as soon as it is loaded itself. Writing is where all
// drivers and TLS meet.
const { write } = Socket.prototype
Socket.prototype.write = function (this: Socket, ...args: unknown[]) {
  const application = applications.get(this) ?? applicationIn(args[0])
  if (application !== undefined) {
    applications.set(this, application)
    asked.add(application)
  }
  return Reflect.apply(write, this, args)
}

// The first message: its length, the version of the protocol, then names and values in turn, each
// ended by a zero (PostgreSQL manual, "Message Formats", StartupMessage).
function applicationIn(message: unknown): string | undefined {
  if (!(message instanceof Uint8Array) || message.length < 9) return undefined
  const bytes = Buffer.from(message.buffer, message.byteOffset, message.length)
  if (bytes.readInt32BE(0) !== bytes.length || bytes.readInt16BE(4) !== PROTOCOL) return undefined
  const words = bytes.toString('utf8', 8).split('\0')
  const at = words.findIndex((it, place) => place % 2 === 0 && it === 'application_name')
  return at < 0 ? '(none)' : words[at + 1]
}
