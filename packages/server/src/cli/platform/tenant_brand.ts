import { readFile } from 'node:fs/promises'
import { Command, InvalidArgumentError } from 'commander'
import { AppError } from '../../lib/errors.ts'
import { OperatorError } from '../../lib/operator_error.ts'
import {
  type Logo,
  logoOf,
  MAX_LOGO_BYTES,
  removeLogo,
  storeLogo,
} from '../../modules/tenants/tenant_logo.ts'
import { brandTenant, type NewBranding } from '../../modules/tenants/tenants.ts'
import { brandingParts } from '../../tenancy/branding.ts'
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
    .description('set how a tenant looks; `none` removes a value (docs/mail.md)')
    .option('--logo <file>', 'PNG, JPEG or WebP, at most 100 kB')
    .option('--color <#rrggbb>', 'colour of buttons and links', partOf('color'))
    .option('--reply-to <address>', 'where replies go', partOf('reply_to'))
    .option('--locale <tag>', 'language of people who have not chosen one', partOf('locale'))
    .option('--notice <text>', 'what everyone reads who signs in', partOf('notice'))
    .action(brand)
}

interface BrandOptions extends PlatformOptions {
  logo?: string
  color?: string
  replyTo?: string
  locale?: string
  notice?: string
}

async function brand(subdomain: string, options: BrandOptions): Promise<void> {
  const { color, replyTo: reply_to, locale, notice } = options
  const given = Object.entries({ color, reply_to, locale, notice })
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => [name, value === NONE ? null : value])
  const changes: NewBranding = Object.fromEntries(given)
  const logo = options.logo === undefined ? undefined : await readLogo(options.logo)
  if (given.length === 0 && logo === undefined) {
    throw new OperatorError(
      'nothing is given: add --logo, --color, --reply-to, --locale or --notice',
    )
  }
  const found = await runPlatformCommand(({ database }) =>
    database.acrossTenants(reasonOf(options), async (db) => {
      const tenant_id = await brandTenant(db, subdomain, changes)
      if (tenant_id === undefined) return false
      if (logo === NONE) await removeLogo(db, tenant_id)
      else if (logo !== undefined) await storeLogo(db, tenant_id, logo)
      const branding = { ...changes, ...(logo !== undefined && { logo: nameOf(logo) }) }
      const meta = { branding, reason: reasonOf(options) }
      await recordPlatformAction(db, { action: 'tenants.update', tenant_id, meta })
      return true
    }),
  )
  if (!found) throw noTenant(subdomain)
  if (options.json) {
    printJson({ subdomain, ...changes, ...(logo !== undefined && { logo: nameOf(logo) }) })
  } else console.log(`the branding of tenant ${subdomain} is set`)
}

async function readLogo(path: string): Promise<Logo | typeof NONE> {
  if (path === NONE) return NONE
  const bytes = await readFile(path).catch((cause: unknown) => {
    throw new OperatorError(`--logo: cannot read ${path}`, { cause })
  })
  if (bytes.length > MAX_LOGO_BYTES) {
    throw new OperatorError(`--logo: ${path} has more than ${MAX_LOGO_BYTES / 1_024} kB`)
  }
  try {
    return logoOf(bytes)
  } catch (error) {
    throw error instanceof AppError ? new OperatorError(`--logo: ${error.message}`) : error
  }
}

/** The hash of a logo: its value in the branding. */
function nameOf(logo: Logo | typeof NONE): string | null {
  return logo === NONE ? null : logo.shown.hash
}

function partOf(name: keyof typeof examples) {
  return (text: string): string => {
    if (text === NONE) return text
    const parsed = brandingParts[name].safeParse(text)
    if (parsed.success) return parsed.data
    throw new InvalidArgumentError(`Write ${examples[name]}, or none.`)
  }
}

const examples: Record<keyof typeof brandingParts, string> = {
  color: 'a colour such as #0f766e',
  reply_to: 'an address such as help@example.com',
  locale: 'a language such as de',
  notice: 'one line of text, at most 500 characters',
}
