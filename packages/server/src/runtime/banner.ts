import { appOrigin } from '../access/installation_origin.ts'
import type { App } from '../app/define_app.ts'
import type { Config } from '../config/config.ts'

export interface BannerFacts {
  app: App
  config: Config
  url: string
  place: string
  ms: number
  /** The pages of WEB that are not built. */
  missingPages: readonly string[]
  /** The version of a PostgreSQL that production does not accept. */
  outdated: string | undefined
}

/** What a developer sees when the server is ready: links, demo accounts, and where the data is. */
export function banner(facts: BannerFacts): string {
  const { app, config, url, place, ms } = facts
  const demo = app.demo?.tenants ?? []
  const shown = demo.at(1) ?? demo.at(0)
  const origin = config.PUBLIC_ORIGIN.replaceAll('{tenant}', shown?.subdomain ?? 'TENANT')
  const lines: [string, string][] = []
  for (const tenant of demo) {
    const [first] = tenant.members
    const home = config.PUBLIC_ORIGIN.replaceAll('{tenant}', tenant.subdomain)
    if (first !== undefined)
      lines.push(['Sign in', `${first.email} / ${first.password} at ${home}`])
  }
  lines.push(...otherAccounts(shown?.members.slice(1) ?? []))
  if (config.SIGN_UP === 'on') lines.push(['Sign up', appOrigin(config)])
  if (config.SMTP_URL === undefined) lines.push(['Mail', `${origin}/dev/mail`])
  if (config.DOCS === 'on') lines.push(['API docs', `${origin}/docs`])
  lines.push(...missing(facts.missingPages), ['Data', place])
  if (facts.outdated !== undefined) {
    lines.push([
      '',
      `PostgreSQL ${facts.outdated} is for development: production needs a newer one,`,
    ])
    lines.push(['', 'with the fix for CVE-2026-120154: 15.20, 16.16, 17.12, 18.7 or later'])
  }
  if (config.DB_URL === undefined) lines.push(['Reset', 'npx tenantry reset'])
  const body = lines.map(([label, text]) => `  ${label.padEnd(9)} ${text}\n`).join('')
  return `\n${app.name} is ready at ${url} (${seconds(ms)})\n\n${body}\n`
}

/** What a developer sees when a changed file has restarted the server. */
export function restartLine({
  app,
  url,
  ms,
  after,
}: Pick<BannerFacts, 'app' | 'url' | 'ms'> & { after: string }): string {
  return `${after} changed: ${app.name} is ready again at ${url} (${seconds(ms)})\n`
}

// Without them the links to sign in show JSON: an installation with --ignore-scripts builds none.
function missing(pages: readonly string[]): [string, string][] {
  if (pages.length === 0) return []
  return [['Pages', `not built: ${pages.join(', ')}. To build them: npm run build`]]
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`
}

function otherAccounts(
  members: readonly { email: string; password: string }[],
): [string, string][] {
  const accounts = members.map(({ email, password }) => `${email} / ${password}`)
  return accounts.length === 0 ? [] : [['or', accounts.join(', ')]]
}
