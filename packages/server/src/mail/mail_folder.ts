import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { z } from 'zod'
import { newId } from '../lib/ids.ts'
import type { OutgoingMail } from './outgoing_mail.ts'

const MAX_MAILS = 200

const StoredMail = z.object({
  from: z.string().optional(),
  to: z.string(),
  subject: z.string(),
  text: z.string(),
  html: z.string(),
  created_at: z.string(),
})

/** A mail that was stored instead of sent. */
export interface CaughtMail extends z.output<typeof StoredMail> {
  id: string
}

export interface MailFolder {
  store(mail: OutgoingMail): Promise<undefined>
  /** Newest first. */
  list(): Promise<CaughtMail[]>
}

/** Stores the last 200 mails under `dataDir`, one file each, readable by their owner only. */
export function createMailFolder(dataDir: string): MailFolder {
  const folder = join(dataDir, 'mail')
  return {
    async store(mail) {
      await mkdir(folder, { recursive: true, mode: 0o700 })
      const { fromName: from, to, subject, text, html } = mail
      await write(folder, { from, to, subject, text, html, created_at: new Date().toISOString() })
      const old = (await namesIn(folder)).slice(MAX_MAILS)
      await Promise.all(old.map((name) => rm(join(folder, name), { force: true })))
      return undefined
    },
    async list() {
      const names = await namesIn(folder)
      const mails = await Promise.all(names.map((name) => read(folder, name)))
      return mails.filter((it) => it !== undefined)
    },
  }
}

// Renames the file when it is complete, so that readers never see half a mail. Ids sort by time.
async function write(folder: string, mail: z.output<typeof StoredMail>): Promise<void> {
  const id = newId()
  const draft = join(folder, `${id}.draft`)
  await writeFile(draft, JSON.stringify(mail, null, 2), { mode: 0o600, flag: 'wx' })
  await rename(draft, join(folder, `${id}.json`))
}

async function namesIn(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch(() => [])
  return names
    .filter((it) => it.endsWith('.json'))
    .sort()
    .reverse()
}

// Undefined if another process has removed the file, or if it is not a mail.
async function read(folder: string, name: string): Promise<CaughtMail | undefined> {
  try {
    const mail = StoredMail.parse(JSON.parse(await readFile(join(folder, name), 'utf8')))
    return { id: basename(name, '.json'), ...mail }
  } catch {
    return undefined
  }
}
