import { programFor } from '../../packages/server/src/cli/main.ts'
import { checks } from '../checks.ts'

type Command = Awaited<ReturnType<typeof programFor>>

/** What is wrong with the words after `npm` in a document: the name of a script or a check. */
export function npmFaults(
  [command = '', script = '', ...rest]: string[],
  scripts: Record<string, string>,
): string[] {
  const isShort = command === 'test' || command === 'start'
  const name = isShort ? command : script
  if (!isShort && command !== 'run') return []
  if (!(name in scripts)) return [`package.json has no script "${name}"`]
  const asked = name === 'check' ? rest.filter((it) => it !== '--') : []
  return asked.filter((it) => !(it in checks)).map((it) => `there is no check "${it}"`)
}

/** What is wrong with the words after `tenantry`: a command or an option. `list|show` are two commands. */
export async function tenantryFaults(words: string[]): Promise<string[]> {
  const found: Command[] = [await programFor(words)]
  for (const [at, word] of words.entries()) {
    const { commands = [] } = found.at(-1) ?? {}
    // The words after a command that has no subcommands are its arguments.
    if (commands.length === 0 || !/^[a-z]/.test(word)) break
    const named = word.split('|').map((name) => commands.find((it) => it.name() === name))
    if (named.includes(undefined))
      return [`there is no "tenantry ${words.slice(0, at + 1).join(' ')}"`]
    found.push(...named.slice(0, 1).filter((it) => it !== undefined))
  }
  return words.flatMap((word) => optionFaults(word, found))
}

function optionFaults(word: string, commands: readonly Command[]): string[] {
  const [option = ''] = /^--[a-z-]+/.exec(word) ?? []
  const isKnown = commands.some((it) => it.options.some(({ long }) => long === option))
  if (option === '' || option === '--help' || isKnown) return []
  return [
    `"tenantry ${commands
      .slice(1)
      .map((it) => it.name())
      .join(' ')}" has no ${option}`,
  ]
}
