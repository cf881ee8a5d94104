import { ScaffoldError } from './scaffold_error.ts'

// npm's rule for new names, without scopes.
const NAME = /^[a-z0-9][a-z0-9._-]{0,213}$/

/** Throws a ScaffoldError for a name that npm rejects, or that a dependency has. */
export function assertPackageName(name: string, dependencies: string[]): void {
  if (!NAME.test(name) || name === 'node_modules' || name === 'favicon.ico') {
    throw new ScaffoldError(
      `"${name}" is no name for a package: use lower-case letters, digits, "-", "_" and "."`,
    )
  }
  if (dependencies.includes(name)) {
    throw new ScaffoldError(`"${name}" is the name of a package that the app needs: choose another`)
  }
}

/** `My App` for `my-app`: the app's name for people. */
export function titleOf(name: string): string {
  return name
    .split(/[._-]+/)
    .filter((word) => word !== '')
    .map((word) => `${word.charAt(0).toUpperCase()}${word.slice(1)}`)
    .join(' ')
}

/** The name of the app's containers: Compose rejects dots. */
export function projectOf(name: string): string {
  return name.replaceAll('.', '-')
}
