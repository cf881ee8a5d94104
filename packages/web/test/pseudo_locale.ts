import { readFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import type { Page } from 'playwright-core'
import { inPage } from './pages.ts'

const assets = join(import.meta.dirname, '../../../starter/web/dist/assets')

const OPEN = '⟦'
const CLOSE = '⟧'

/** Shows the pages in texts that are 40 % longer and in brackets, so that any other text stands out. */
export async function pseudoLocale(page: Page): Promise<void> {
  await page.route(/\/assets\/en(\.\w+)?-[^/]*\.js$/, async (route) => {
    const name = basename(new URL(route.request().url()).pathname)
    const source = await readFile(join(assets, name), 'utf8')
    const module: Record<string, unknown> = await import(
      `data:text/javascript;base64,${Buffer.from(source).toString('base64')}`
    )
    const names = Object.keys(module)
    const values = names.map((it, at) => `const v${at} = ${JSON.stringify(lengthened(module[it]))}`)
    const exported = names.map((it, at) => `v${at} as ${it}`)
    const body = `${values.join('\n')}\nexport { ${exported.join(', ')} }`
    await route.fulfill({ contentType: 'text/javascript', body })
  })
}

function lengthened(value: unknown): unknown {
  if (typeof value === 'string') {
    return `${OPEN}${value}${' ñandú'.repeat(Math.ceil((value.length * 0.4) / 6))}${CLOSE}`
  }
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, it]) => [key, lengthened(it)]))
}

/** Texts of the page that are neither from the catalogue nor data, and texts of the catalogue that are cut. */
export function foreignTexts(page: Page): Promise<string[]> {
  const given = [OPEN, DATA].map((it) => JSON.stringify(it)).join(', ')
  return inPage(page, `foreignTexts(${given})`)
}

// Names, addresses, roles, permissions and figures of the test's own data.
const DATA =
  '^([A-Z]{1,2}|[\\d\\s·:.,+%/–-]*|Acme|shop\\.acme\\.example|t-[0-9a-f]+\\.app\\.test|Tenantry Starter|Test User|Apollo|To the moon|.*@.*|[a-z_]+([:.][a-z_]+)?|[\\w.-]+ on .*|(\\d+\\.){3}\\d+.*|Everything.*|Reads everything.*)$'
