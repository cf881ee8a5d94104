import { OperatorError } from './operator_error.ts'

/** Runs `work`, and turns an error of the file system into an OperatorError that names the path. */
export async function explainFileErrors<T>(dataDir: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw explained(dataDir, error)
  }
}

export function errorCode(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : ''
}

function explained(dataDir: string, error: unknown): unknown {
  const code = isUnmakeable(error) ? 'EROFS' : errorCode(error)
  const message = messageFor(code, pathOf(error) ?? dataDir)
  return message === undefined ? error : new OperatorError(message, { cause: error })
}

function messageFor(code: string, path: string): string | undefined {
  if (['EACCES', 'EPERM', 'EROFS'].includes(code)) {
    return `cannot use ${path} (${code}): make DATA_DIR writable for this user, or set it to another folder`
  }
  if (['ENOSPC', 'EDQUOT'].includes(code)) {
    return `no space left for ${path}: free some space and start again`
  }
  if (['ENOTDIR', 'EEXIST'].includes(code)) {
    return `${path} is not a folder: set DATA_DIR to a folder`
  }
  return undefined
}

// Node.js reports ENOENT when it makes a folder and its parents on a file system that is read-only.
function isUnmakeable(error: unknown): boolean {
  const isMkdir = error instanceof Error && 'syscall' in error && error.syscall === 'mkdir'
  return isMkdir && errorCode(error) === 'ENOENT'
}

function pathOf(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined
  // A failed copy or rename has two paths; the destination is the one in DATA_DIR.
  if ('dest' in error) return String(error.dest)
  return 'path' in error ? String(error.path) : undefined
}
