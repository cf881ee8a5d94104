/** What an operator has to put right, in words that say what to do: shown alone, without a stack. */
export class OperatorError extends Error {
  override name = 'OperatorError'
}
