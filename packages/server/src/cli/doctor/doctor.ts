import { Command } from 'commander'
import { printJson, printTable } from '../print.ts'
import type { Check } from './check.ts'
import { checkDatabase } from './database.ts'
import { checkMachine } from './machine.ts'
import { checkMail } from './mail.ts'
import { checkSettings, type ShownSetting, shownSettings } from './settings.ts'

/** `tenantry doctor`. */
export function doctorCommand(): Command {
  return new Command('doctor')
    .description(
      'Check settings, database, roles, row-level security and versions. Exit with 1 on a fault.',
    )
    .option('--settings', 'print the settings too, without secrets')
    .option('--json', 'print JSON, with the settings')
    .addHelpText('after', '\nExamples:\n  $ tenantry doctor\n  $ tenantry doctor --settings')
    .action(doctor)
}

interface DoctorOptions {
  json?: boolean
  settings?: boolean
}

async function doctor({ json, settings: wanted }: DoctorOptions): Promise<void> {
  const settings = shownSettings(process.cwd())
  const { checks, config } = checkSettings(process.cwd())
  const more =
    config === undefined
      ? []
      : await Promise.all([checkMachine(config), checkMail(config), checkDatabase(config)])
  const all = [...checks, ...more.flat()]
  const ok = all.every(({ state }) => state !== 'fail')
  if (json) printJson({ ok, checks: all, settings })
  else print(all, wanted ? settings : [])
  process.exitCode = ok ? 0 : 1
}

function print(checks: Check[], settings: ShownSetting[]): void {
  const label = { ok: 'ok', warn: 'WARN', fail: 'FAIL' }
  printTable(
    ['STATE', 'CHECK', ''],
    checks.map(({ state, name, detail }) => [label[state], name, detail]),
  )
  if (settings.length === 0) return
  console.log()
  printTable(
    ['SETTING', 'VALUE', 'FROM'],
    settings.map(({ name, value, source }) => [name, value ?? '(none)', source]),
  )
}
