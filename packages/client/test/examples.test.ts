import { readFile } from 'node:fs/promises'
import { expect, test, vi } from 'vitest'
import { startTestApp } from '../../server/src/testing.ts'
import { app } from '../../server/test/fixtures/app/app.ts'
import { createClient, tokens } from '../src/index.ts'
import { fetchFrom } from './fetch_from.ts'

const AsyncFunction = (async () => {}).constructor as new (...code: string[]) => Example
type Example = (...given: unknown[]) => Promise<void>

/** The first TypeScript example of a page, without its imports. */
async function exampleOf(page: string): Promise<string> {
  const text = await readFile(new URL(`../../../${page}`, import.meta.url), 'utf8')
  const [, code = ''] = /```ts\n([\s\S]*?)```/.exec(text) ?? []
  return code.replaceAll(/^import .*\n/gm, '')
}

test.each(['README.md', 'docs/client.md', 'packages/client/README.md'])(
  'the first example of %s runs',
  async (page) => {
    const api = await startTestApp(app)
    const tenant = await api.makeTenant()
    const password = 'admin of the example'
    const { email } = await tenant.makeUser({ roles: ['admin_tenant'], password })
    const code = await exampleOf(page)
    const origin = `http://${tenant.host}`
    const fetch = fetchFrom(api.port)
    const here: typeof createClient = (options) => createClient({ ...options, origin, fetch })
    const log = vi.fn()
    const ours = code.replace('admin@client1.com', email).replace('admin123', password)
    expect(ours).toContain(email)
    await new AsyncFunction('createClient', 'tokens', 'console', ours)(here, tokens, { log })
    expect(log.mock.calls.flat()).toContain(email)
    await api.close()
  },
)
