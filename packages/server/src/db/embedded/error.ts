/** A fault of the embedded PostgreSQL, in one line that says what to do. */
export class EmbeddedError extends Error {
  override name = 'EmbeddedError'
}

/** Runs `work`, and says what the file system refused it in one line that names the path. */
export async function inPlainWords<T>(dataDir: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw plainly(dataDir, error)
  }
}

export function errorCode(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : ''
}

function plainly(dataDir: string, error: unknown): unknown {
  const code = errorCode(error)
  const path = pathOf(error) ?? dataDir
  if (['EACCES', 'EPERM', 'EROFS'].includes(code)) {
    return new EmbeddedError(
      `Cannot use ${path} (${code}): make DATA_DIR writable for this user, or set it to another folder`,
      { cause: error },
    )
  }
  if (['ENOSPC', 'EDQUOT'].includes(code)) {
    return new EmbeddedError(`No space left for ${path}: free some and start again`, {
      cause: error,
    })
  }
  if (['ENOTDIR', 'EEXIST'].includes(code)) {
    return new EmbeddedError(`${path} is not a folder: set DATA_DIR to one`, { cause: error })
  }
  return error
}

function pathOf(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined
  // Of a copy, the place it was to go to.
  if ('dest' in error) return String(error.dest)
  return 'path' in error ? String(error.path) : undefined
}
