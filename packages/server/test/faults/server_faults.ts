import { setTimeout as sleep } from 'node:timers/promises'
import { type BalancerOptions, startBalancer } from './balancer.ts'
import { type Outcome, underLoad } from './fault.ts'
import type { Node, Stage } from './stage.ts'

// A server that gets little processor time, as while another one starts beside it, is to answer late, not with 503.
const highLimits = { REQUEST_WAIT_MS: '20000', TENANT_QUEUE: '10000', SHUTDOWN_SECONDS: '30' }
// Until the balancer has noticed that the server is ready.
const NOTICED_MS = 500

/** Ends one server `times` times, and starts it again at the same port, under load. */
export async function restartAlone(
  stage: Stage,
  { name, signal, times }: { name: string; signal: NodeJS.Signals; times: number },
): Promise<Outcome> {
  const node = await stage.startNode(highLimits)
  try {
    const target = { port: () => node.port, ...(await stage.signIn(node)) }
    return await underLoad(name, stage.cluster, target, async () => {
      for (let time = 0; time < times; time++) await restart(stage, node, signal, highLimits)
    })
  } finally {
    await end(node, 'SIGTERM')
  }
}

export interface RollingRestart {
  name: string
  balancer: BalancerOptions
  /** The settings of the servers. */
  settings?: Record<string, string>
  rounds: number
  /** The rate of the load. */
  perSecond?: number
}

/** Restarts two servers behind a balancer, one after the other, under load. */
export async function restartInTurn(
  stage: Stage,
  { name, balancer: options, settings, rounds, perSecond = 50 }: RollingRestart,
): Promise<Outcome> {
  const all = { ...highLimits, ...settings }
  const first = await stage.startNode(all)
  const nodes = [first, await stage.startNode(all)]
  const ports = nodes.map((it) => it.port)
  const balancer = await startBalancer(ports, options)
  try {
    const target = { port: () => balancer.port, ...(await stage.signIn(first)), perSecond }
    return await underLoad(name, stage.cluster, target, async () => {
      for (let round = 0; round < rounds; round++) {
        for (const node of nodes) await restart(stage, node, 'SIGTERM', all)
      }
    })
  } finally {
    await balancer.close()
    await Promise.all(nodes.map((it) => end(it, 'SIGTERM')))
  }
}

async function restart(
  stage: Stage,
  node: Node,
  signal: NodeJS.Signals,
  settings: Record<string, string>,
): Promise<void> {
  await end(node, signal)
  const { command } = await stage.startNode({ PORT: String(node.port), ...settings })
  node.command = command
  await sleep(NOTICED_MS)
}

async function end({ command }: Node, signal: NodeJS.Signals): Promise<void> {
  command.process.kill(signal)
  const { code, stderr } = await command.finished
  if (signal === 'SIGTERM' && code !== 0) throw new Error(`a server ended with ${code}: ${stderr}`)
}
