import type { Command } from 'commander'
import { settings } from '../config/settings.ts'

/**
 * Has the parser report a wrong word or option as commands report their errors: in one line that says what to write
 * instead, or with `json` as `{"error":"…"}`.
 */
export function reportParserErrors(command: Command, json: boolean): void {
  command.showHelpAfterError(false)
  command.configureOutput({
    outputError: (text, print) => {
      const message = sentenceOf(text)
      const line = `tenantry: ${message}; see ${wordsOf(command)} --help`
      print(`${json ? JSON.stringify({ error: message }) : line}\n`)
    },
  })
  for (const it of command.commands) reportParserErrors(it, json)
}

// "error: unknown command 'strat'\n(Did you mean start?)", "error: too many arguments for 'start'. Expected 0 ..."
function sentenceOf(text: string): string {
  const lines = text
    .trim()
    .replace(/^error: /, '')
    .replace(/\. Expected (\d+) arguments? but got (\d+)\.$/, ': it takes $1 and got $2')
    .split('\n')
  const sentence = lines.join(' ').replace('(Did', '(did').replace(/\.$/, '')
  return sentence.replace(
    /^unknown option '--([\w-]+)'$/,
    (all, option) => all + settingFor(option),
  )
}

// `--port 9000`, as other programs have it.
function settingFor(option: string): string {
  const name = option.toUpperCase().replaceAll('-', '_')
  return name in settings ? ` (set ${name} in the environment or in .env)` : ''
}

function wordsOf(command: Command): string {
  return command.parent === null ? command.name() : `${wordsOf(command.parent)} ${command.name()}`
}
