import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { newId } from '../lib/ids.ts'
import type { OutgoingMail } from './outgoing_mail.ts'

const KEPT = 200

const CaughtMail = z.object({
  to: z.string(),
  subject: z.string(),
  text: z.string(),
  html: z.string(),
  created_at: z.string(),
})

/** A mail that was kept instead of sent. */
export type CaughtMail = z.output<typeof CaughtMail>

export interface MailFolder {
  keep(mail: OutgoingMail): Promise<void>
  /** Newest first. */
  list(): Promise<CaughtMail[]>
}

/** Mails as files under `dataDir`, one each, readable by their owner only; the last 200 stay. */
export function createMailFolder(dataDir: string): MailFolder {
  const folder = join(dataDir, 'mail')
  return {
    async keep(mail) {
      await mkdir(folder, { recursive: true, mode: 0o700 })
      await write(folder, { ...mail, created_at: new Date().toISOString() })
      const old = (await namesIn(folder)).slice(KEPT)
      await Promise.all(old.map((name) => rm(join(folder, name), { force: true })))
    },
    async list() {
      const names = await namesIn(folder)
      const mails = await Promise.all(names.map((name) => read(join(folder, name))))
      return mails.filter((it) => it !== undefined)
    },
  }
}

// Under its final name only when it is whole: a reader never sees half a mail. Ids sort by time.
async function write(folder: string, mail: CaughtMail): Promise<void> {
  const id = newId()
  const unfinished = join(folder, `${id}.unfinished`)
  await writeFile(unfinished, JSON.stringify(mail, null, 2), { mode: 0o600, flag: 'wx' })
  await rename(unfinished, join(folder, `${id}.json`))
}

async function namesIn(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch(() => [])
  return names
    .filter((it) => it.endsWith('.json'))
    .sort()
    .reverse()
}

// Undefined for a file that another process removed meanwhile, or that is no mail.
async function read(path: string): Promise<CaughtMail | undefined> {
  try {
    return CaughtMail.parse(JSON.parse(await readFile(path, 'utf8')))
  } catch {
    return undefined
  }
}
