import { Command } from 'commander'
import { OperatorError } from '../../lib/operator_error.ts'
import { describeApp } from '../../runtime/describe_app.ts'
import { findApp, loadApp } from '../../runtime/load_app.ts'
import { assertFree, assertReferences } from './assert_free.ts'
import { type Field, fieldTypes, parseFields } from './fields.ts'
import { formatWithBiome } from './format_with_biome.ts'
import { namesOf } from './names.ts'
import { parentsOf } from './parents.ts'
import { placesOf } from './places.ts'
import { resourceFiles } from './resource_files.ts'
import { writeResource } from './write_resource.ts'

/** `tenantry new`. */
export function newCommand(): Command {
  const command = new Command('new')
    .description('Write a new resource into the app.')
    .addHelpText('after', examples)
  command
    .command('resource')
    .description('Write migration, folder, test and the two lines of a resource with its routes.')
    .argument('<name>', 'its plural in lower_snake_case, such as invoices')
    .requiredOption('--fields <fields>', 'name:type, separated by spaces')
    .option(
      '--singular <word>',
      'for a plural without a regular singular: people, --singular person',
    )
    .addHelpText('after', `\nTypes: ${fieldTypes.join(', ')}\n${examples}`)
    .action(newResource)
  return command
}

interface NewResourceOptions {
  fields: string
  singular?: string
}

async function newResource(plural: string, options: NewResourceOptions): Promise<void> {
  const folder = process.cwd()
  const names = namesOf(plural, options.singular)
  const fields: Field[] = parseFields(options.fields)
  const places = placesOf(folder, findApp(folder))
  const app = await loadApp(folder)
  const described = await describeApp(app)
  assertFree(names, places, described)
  assertReferences(names, fields, places)
  const parents = parentsOf(fields, described.routes)
  const role = unrestrictedRole(app.policy.roles)
  const files = resourceFiles({ names, fields, parents, role }, places)
  const { written, byHand } = writeResource(names, files, places)
  const fault = formatWithBiome(folder, places.source, written)
  for (const path of written) console.log(`wrote ${path}`)
  for (const { path, line } of byHand) console.log(`add to ${path} by hand: ${line}`)
  if (fault !== undefined) console.log(`Biome could not format them: ${fault}`)
  console.log(`\nNext, in ${folder}:\n${nextSteps}`)
}

// The test signs in with a role that has every permission, as the sweeps do.
function unrestrictedRole(
  roles: Readonly<Record<string, { permissions: readonly string[] }>>,
): string {
  const found = Object.entries(roles).find(([, it]) => it.permissions.includes('*'))
  if (found !== undefined) return found[0]
  throw new OperatorError(
    'the test needs a system role with every permission: give one in policy.ts permissions: ["*"]',
  )
}

const nextSteps = `  npm run generate        # the types of its table, its operations in openapi.json
  npm test -- -u          # its tests, and the records: read their difference`

const examples = `
Examples:
  $ tenantry new resource invoices --fields "number:text amount_cents:integer due_on:date"
  $ tenantry new resource tickets --fields "title:text state:enum:open:closed project_id:references:projects"
  $ tenantry new resource people --singular person --fields "name:text"`
