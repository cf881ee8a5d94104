/** Why nothing was made, in words that say what to do. */
export class ScaffoldError extends Error {
  override name = 'ScaffoldError'
}
