import { Command } from 'commander'
import { OperatorError } from '../../lib/operator_error.ts'
import { describeApp } from '../../runtime/describe_app.ts'
import { findApp, loadApp } from '../../runtime/load_app.ts'
import { assertConstraintNames, assertFree, assertReferences } from './assert_free.ts'
import { changesOf } from './changes.ts'
import { fieldTypes } from './fields/field_types.ts'
import { parseFields } from './fields/fields.ts'
import { namesOf } from './names.ts'
import { nestingOf } from './nesting.ts'
import { newEnvironment } from './new_environment.ts'
import { newField } from './new_field.ts'
import { pageEdits } from './page/page_edits.ts'
import { pageReferences } from './page/page_references.ts'
import { parentsOf } from './parents.ts'
import { placesOf } from './places.ts'
import { printChanges, write } from './report_changes.ts'
import { resourceFiles } from './resource_files.ts'

/** `tenantry new`. */
export function newCommand(): Command {
  const command = new Command('new')
    .description('Write a new resource, a field of one, or the secrets of the Compose files.')
    .addHelpText('after', examples)
  command
    .command('resource')
    .description('Write migration, folder, test and the two lines of a resource with its routes.')
    .argument('<name>', 'its plural in lower_snake_case, such as invoices')
    .requiredOption('--fields <fields>', 'name:type, separated by spaces')
    .option(
      '--singular <word>',
      'for a plural without a regular singular: staff, --singular staff_member',
    )
    .option(
      '--under <resource>',
      'nested routes: list and create below one row that a field refers to, such as projects',
    )
    .option(
      '--page',
      'also a page for the console: list and form from the same fields; with --under below the page of that resource',
    )
    .option('--dry-run', 'print what the command would write, and write nothing')
    .addHelpText('after', `${fieldHelp}${examples}`)
    .action(newResource)
  command
    .command('field')
    .description(
      'Write the migration of one more field of a resource, and enter it into its folder.',
    )
    .argument('<resource>', 'its plural, such as invoices')
    .argument('<field>', 'name:type? or name:type=default')
    .option('--singular <word>', 'the one that the resource was written with')
    .option('--dry-run', 'print what the command would write, and write nothing')
    .addHelpText('after', `${fieldHelp}${fieldExamples}`)
    .action(newField)
  command
    .command('environment')
    .description('Write .env from .env.example, with a secret for each name without a value.')
    .argument('[folder]', 'where .env.example is', '.')
    .action(newEnvironment)
  return command
}

interface NewResourceOptions {
  fields: string
  singular?: string
  under?: string
  page?: boolean
  dryRun?: boolean
}

async function newResource(plural: string, options: NewResourceOptions): Promise<void> {
  const folder = process.cwd()
  const names = namesOf(plural, options.singular)
  const fields = parseFields(options.fields)
  assertConstraintNames(names, fields)
  const places = placesOf(folder, findApp(folder))
  const app = await loadApp(folder)
  const described = await describeApp(app)
  assertFree(names, places, described)
  assertReferences(names, fields, places)
  const parents = parentsOf(plural, fields, described.routes)
  const { under } = options
  const nesting =
    under === undefined ? undefined : nestingOf(names, fields, under, described.routes)
  const role = unrestrictedRole(app.policy.roles)
  const { dryRun = false } = options
  const page = options.page ? pageReferences(names, fields, described.routes, nesting) : undefined
  const resource = { names, fields, parents, role, nesting, page }
  const edits = page === undefined ? [] : pageEdits(resource, places)
  const files = resourceFiles(resource, places)
  const changes = changesOf(names, fields, files, places, edits)
  if (dryRun) {
    printChanges(changes, places)
    return
  }
  write(changes, places)
  console.log(`\nNext, in ${folder}:\n${nextSteps}${page ? pageStep : ''}`)
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

const pageStep = `
  npm run build           # the pages; its texts are in web/locales`

const fieldHelp = `
Types: ${fieldTypes.join(', ')}
  text:40           at most 40 characters
  due_on:date?      may be null
  code:text:unique  unique within a tenant: text, bigint, uuid
  state:enum:open:closed=open
                    the default of a request that leaves it out
`

const examples = `
Examples:
  $ tenantry new resource invoices --fields "number:text:unique amount_cents:integer due_on:date?"
  $ tenantry new resource tickets --fields "title:text state:enum:open:closed=open project_id:references:projects"
  $ tenantry new resource comments --fields "text:longtext project_id:references:projects" --under projects
  $ tenantry new resource staff --singular staff_member --fields "name:text" --dry-run`

const fieldExamples = `
Examples:
  $ tenantry new field invoices "due_on:date?"
  $ tenantry new field invoices "state:enum:open:paid=open" --dry-run`
