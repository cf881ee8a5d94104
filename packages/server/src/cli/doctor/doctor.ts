import { Command } from 'commander'
import { printJson, printTable } from '../print.ts'
import type { Check } from './check.ts'
import { checkDatabase } from './database.ts'
import { checkMail } from './mail.ts'
import { checkSettings, type ShownSetting, shownSettings } from './settings.ts'

/** `tenantry doctor`. */
export function doctorCommand(): Command {
  return new Command('doctor')
    .description(
      'Check settings, database, roles, row-level security and versions. Exit with 1 on a fault.',
    )
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExamples:\n  $ tenantry doctor\n  $ tenantry doctor --json')
    .action(doctor)
}

async function doctor({ json }: { json?: boolean }): Promise<void> {
  const settings = shownSettings(process.cwd())
  const { checks, config } = checkSettings(process.cwd())
  const more =
    config === undefined ? [] : await Promise.all([checkMail(config), checkDatabase(config)])
  const all = [...checks, ...more.flat()]
  const ok = all.every(({ state }) => state !== 'fail')
  if (json) printJson({ ok, checks: all, settings })
  else print(settings, all)
  process.exitCode = ok ? 0 : 1
}

function print(settings: ShownSetting[], checks: Check[]): void {
  printTable(
    ['SETTING', 'VALUE', 'FROM'],
    settings.map(({ name, value, source }) => [name, value ?? '(none)', source]),
  )
  console.log()
  const label = { ok: 'ok', warn: 'WARN', fail: 'FAIL' }
  printTable(
    ['STATE', 'CHECK', ''],
    checks.map(({ state, name, detail }) => [label[state], name, detail]),
  )
}
