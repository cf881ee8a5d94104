import type { Command } from 'commander'

const HELP = ['-h', '--help']

/** `help tenant create` as `tenant create --help`: the parser's own `help` knows one word only. */
export function helpLast(words: readonly string[]): string[] {
  return words[0] === 'help' ? [...words.slice(1), '--help'] : [...words]
}

/** Words without the wish for help if one of them is no command: the parser would not report that one. */
export function withoutVainHelp(program: Command, words: readonly string[]): string[] {
  let command = program
  for (const word of words) {
    if (word.startsWith('-') || command.commands.length === 0) break
    const found = command.commands.find((it) => it.name() === word)
    if (found === undefined) return words.filter((it) => !HELP.includes(it))
    command = found
  }
  return [...words]
}

/** Has the help of each command list the options that all commands have. */
export function showSharedOptions(command: Command): void {
  command.configureHelp({ showGlobalOptions: true })
  for (const it of command.commands) showSharedOptions(it)
}
