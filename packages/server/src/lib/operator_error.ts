/**
 * The error class of commands and of the start: the person who runs the program must correct something.
 * The message says what, in one line for each fault. It is shown without a stack.
 */
export class OperatorError extends Error {
  override name = 'OperatorError'
}
