import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { chmod } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type EmbeddedPostgres, startEmbedded } from '../../src/db/embedded/embedded.ts'
import { type Finished, launchInImage, type RunningCommand } from '../fixtures/cli.ts'
import { deployFolder, readCompose, type Service } from './compose_files.ts'
import { type ReverseProxy, startReverseProxy } from './reverse_proxy.ts'

const UID_OF_NOBODY = 65_534
/** From here a proxy in front of the proxy calls it. */
export const OUTER_PROXY = '127.0.0.2'
const LISTENING = /"url":"http:\/\/0\.0\.0\.0:(\d+)"/

/** A server of the service `app`. */
export interface ServingNode {
  port: number
  command: RunningCommand
}

/** The services of the Compose files, run as processes of this machine. */
interface Containers {
  database: EmbeddedPostgres
  /** Runs a service to its end, with another command if one is given. */
  run(service: string, more?: Container): Promise<Finished>
  startNode(more?: Container): Promise<ServingNode>
  stop(): Promise<void>
}

interface Container {
  mode?: 'development' | 'production'
  command?: string[]
  variables?: Record<string, string>
}

/** Starts the service `database`; the others are run one by one. */
async function startContainers(variables: Record<string, string>): Promise<Containers> {
  const folder = mkdtempSync(join(tmpdir(), 'tenantry-containers-'))
  await chmod(folder, 0o755)
  const database = await startEmbedded({ dataDir: join(folder, 'database'), ephemeral: true })
  const image = process.env['TENANTRY_IMAGE']
  if (image === undefined) throw new Error('no image: run npm run test:deploy')
  // As the image's own user, who cannot change its files.
  const user = process.getuid?.() === 0 ? UID_OF_NOBODY : undefined
  const running = new Set<RunningCommand>()
  const launch = (name: string, { mode = 'production', command, ...more }: Container) => {
    const files = ['compose.yaml', `compose.${mode}.yaml`]
    const { services } = readCompose(files, { ...variables, ...more.variables })
    const service = services[name]
    if (service === undefined) throw new Error(`no service is called ${name}`)
    const environment = environmentOf(service, database, folder)
    const launched = launchInImage(image, command ?? service.command, environment, user)
    running.add(launched)
    launched.process.on('close', () => running.delete(launched))
    return launched
  }
  return {
    database,
    run: (service, more = {}) => launch(service, more).finished,
    async startNode(more = {}) {
      const command = launch('app', more)
      const [, port] = await command.says(LISTENING)
      return { port: Number(port), command }
    },
    async stop() {
      for (const { process } of running) process.kill('SIGTERM')
      await Promise.all([...running].map(({ finished }) => finished))
      await database.stop()
      rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
    },
  }
}

/** Two servers behind a proxy. */
export interface Deployment {
  containers: Containers
  proxy: ReverseProxy
  nodes: [ServingNode, ServingNode]
  /** Replaces both servers with new ones, one after the other. */
  roll(variables: Record<string, string>): Promise<void>
  stop(): Promise<void>
}

/** Runs every service of compose.yaml in its order, and writes the demo data. */
export async function deploy(variables: Record<string, string>): Promise<Deployment> {
  const containers = await startContainers(variables)
  for (const service of ['setup', 'migrate']) assertDone(await containers.run(service))
  assertDone(await containers.run('seed', { mode: 'development' }))
  const nodes: Deployment['nodes'] = [await containers.startNode(), await containers.startNode()]
  const proxy = await startReverseProxy(nodes.map(({ port }) => port))
  return {
    containers,
    proxy,
    nodes,
    async roll(changed) {
      for (const at of [0, 1] as const) {
        const old = nodes[at]
        nodes[at] = await containers.startNode({ variables: changed })
        await proxy.serve(nodes.map(({ port }) => port))
        old.command.process.kill('SIGTERM')
        await old.command.finished
      }
    },
    async stop() {
      await proxy.stop()
      await containers.stop()
    },
  }
}

/** The image's ENV and the service's environment, with this machine's addresses. */
function environmentOf(
  { environment }: Service,
  { adminUrl }: EmbeddedPostgres,
  folder: string,
): Record<string, string> {
  const { host, password } = new URL(adminUrl)
  const here = Object.entries(environment).map(([name, value]) => [
    name,
    value
      .replace(/(?<=\/\/postgres:).*(?=@database:)/, password)
      .replace('@database:5432', `@${host}`),
  ])
  return {
    ...imageEnvironment(),
    ...Object.fromEntries(here),
    PORT: '0',
    DATA_DIR: join(folder, 'data'),
    TRUST_PROXY: `127.0.0.1,${OUTER_PROXY}`,
    // A busy machine must not cause a 503 in a test.
    REQUEST_WAIT_MS: '20000',
  }
}

function imageEnvironment(): Record<string, string> {
  const text = readFileSync(join(deployFolder, 'Dockerfile'), 'utf8')
  const [, line = ''] = /^ENV (.*)$/m.exec(text) ?? []
  return Object.fromEntries(
    [...line.matchAll(/(\w+)=(\S+)/g)].map(([, name, value]) => [name, value]),
  )
}

function assertDone({ code, stderr }: Finished): void {
  if (code !== 0) throw new Error(`a service failed:\n${stderr}`)
}
