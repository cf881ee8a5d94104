import { expect, test } from 'vitest'
import { explainFileErrors } from './file_errors.ts'

const failing = (fields: object) =>
  explainFileErrors('/data', () => Promise.reject(Object.assign(new Error('ENOENT: …'), fields)))

test('a folder that cannot be made says what to set, although Node.js says that something does not exist', async () => {
  const onReadOnly = { code: 'ENOENT', syscall: 'mkdir', path: '/data/new' }
  await expect(failing(onReadOnly)).rejects.toThrow(
    'cannot use /data/new (EROFS): make DATA_DIR writable for this user, or set it to another folder',
  )
  // A file that is missing is a fault in the code.
  const missing = { code: 'ENOENT', syscall: 'open', path: '/data/x' }
  await expect(failing(missing)).rejects.toThrow('ENOENT: …')
})
