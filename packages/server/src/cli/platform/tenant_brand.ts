import { Command, InvalidArgumentError } from 'commander'
import { OperatorError } from '../../lib/operator_error.ts'
import { Branding } from '../../mail/branding.ts'
import { brandTenant, type NewBranding } from '../../modules/tenants/tenants.ts'
import { printJson } from '../print.ts'
import {
  noTenant,
  type PlatformOptions,
  reasonOf,
  recordPlatformAction,
  runPlatformCommand,
} from './platform_command.ts'

const NONE = 'none'

/** `tenantry tenant brand`. */
export function brandCommand(): Command {
  return new Command('brand')
    .argument('<subdomain>')
    .description("set how a tenant's mails look; `none` removes a value (docs/mail.md)")
    .option('--logo <url>', 'image, by https', partOf('logo'))
    .option('--color <#rrggbb>', 'colour of buttons', partOf('color'))
    .option('--reply-to <address>', 'where replies go', partOf('reply_to'))
    .option('--locale <tag>', 'language of people who have not chosen one', partOf('locale'))
    .action(brand)
}

interface BrandOptions extends PlatformOptions {
  logo?: string
  color?: string
  replyTo?: string
  locale?: string
}

async function brand(subdomain: string, options: BrandOptions): Promise<void> {
  const { logo, color, replyTo: reply_to, locale } = options
  const given = Object.entries({ logo, color, reply_to, locale })
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => [name, value === NONE ? null : value])
  const changes: NewBranding = Object.fromEntries(given)
  if (given.length === 0) {
    throw new OperatorError('nothing is given: add --logo, --color, --reply-to or --locale')
  }
  const found = await runPlatformCommand(({ database }) =>
    database.acrossTenants(reasonOf(options), async (db) => {
      const tenant_id = await brandTenant(db, subdomain, changes)
      if (tenant_id === undefined) return false
      const meta = { branding: changes, reason: reasonOf(options) }
      await recordPlatformAction(db, { action: 'tenants.update', tenant_id, meta })
      return true
    }),
  )
  if (!found) throw noTenant(subdomain)
  if (options.json) printJson({ subdomain, ...changes })
  else console.log(`the branding of tenant ${subdomain} is set`)
}

function partOf(name: keyof Branding) {
  return (text: string): string => {
    if (text === NONE) return text
    const parsed = Branding.safeParse({ [name]: text })
    if (parsed.success) return text
    throw new InvalidArgumentError(`Write ${examples[name]}, or none.`)
  }
}

const examples: Record<keyof Branding, string> = {
  logo: 'an address such as https://example.com/logo.png',
  color: 'a colour such as #0f766e',
  reply_to: 'an address such as help@example.com',
  locale: 'a language such as de',
}
