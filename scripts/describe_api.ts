import { pino } from 'pino'
import { createApp } from '../packages/server/src/app.ts'
import { loadConfig } from '../packages/server/src/config.ts'
import { openDoors } from '../packages/server/src/db/open_doors.ts'
import { createMail } from '../packages/server/src/mail/mail.ts'
import { createPasswords } from '../packages/server/src/passwords.ts'
import { app } from '../starter/src/app.ts'

// Pools connect when they are first used, and here nothing uses them.
const NOWHERE = 'postgresql://nobody@localhost:1/none'

/** The starter's OpenAPI document, as /openapi.json serves it, without a database. */
export async function describeApi(): Promise<string> {
  const config = loadConfig({ DB_URL: NOWHERE, DB_IDENTITY_URL: NOWHERE })
  const log = pino({ level: 'silent' })
  const { doors } = openDoors(config, () => {})
  const { DATA_DIR: dataDir, MAIL_FROM: from, production } = config
  const { document, close } = await createApp({
    app,
    config,
    secret: 'describes, and signs nothing',
    doors,
    log,
    passwords: createPasswords(),
    mail: createMail({ smtpUrl: undefined, from, dataDir, production, log }),
  })
  await close()
  return `${JSON.stringify(document, null, 2)}\n`
}
