import type { App } from '../app/define_app.ts'
import type { Config } from '../config/config.ts'

export interface BannerFacts {
  app: App
  config: Config
  url: string
  place: string
  ms: number
}

/** What a developer sees when the server is ready: links, demo accounts, and where the data is. */
export function banner({ app, config, url, place, ms }: BannerFacts): string {
  const demo = app.demo?.tenants ?? []
  const shown = demo.at(1) ?? demo.at(0)
  const origin = config.PUBLIC_ORIGIN.replaceAll('{tenant}', shown?.subdomain ?? 'TENANT')
  const lines: [string, string][] = [['API docs', `${origin}/docs`]]
  if (config.SMTP_URL === undefined) lines.push(['Mail', `${origin}/dev/mail`])
  for (const tenant of demo) {
    const [first] = tenant.members
    const home = config.PUBLIC_ORIGIN.replaceAll('{tenant}', tenant.subdomain)
    if (first !== undefined)
      lines.push(['Sign in', `${first.email} / ${first.password} at ${home}`])
  }
  lines.push(...otherAccounts(shown?.members.slice(1) ?? []))
  lines.push(['Data', place])
  if (config.DB_URL === undefined) lines.push(['Reset', 'npx tenantry reset'])
  const body = lines.map(([label, text]) => `  ${label.padEnd(9)} ${text}\n`).join('')
  return `\n${app.name} is ready at ${url} (${(ms / 1000).toFixed(1)} s)\n\n${body}\n`
}

function otherAccounts(
  members: readonly { email: string; password: string }[],
): [string, string][] {
  const accounts = members.map(({ email, password }) => `${email} / ${password}`)
  return accounts.length === 0 ? [] : [['or', accounts.join(', ')]]
}
