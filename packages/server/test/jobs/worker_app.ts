import { randomUUID } from 'node:crypto'
import { appendFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { app as fixture } from '../fixtures/app/app.ts'
import { effect, job, Name } from './declared.ts'

/** The app of worker processes: one job changes the database, one appends a line to a file. */
export const app = {
  ...fixture,
  jobs: [
    job('projects.store', {
      payload: Name,
      async run(ctx, { name }) {
        await ctx.db.insertInto('projects').values({ id: randomUUID(), name }).execute()
        await sleep(20)
      },
    }),
    effect('projects.send', {
      payload: Name,
      prepare: async (_, { name }) => name,
      act: (name) => appendFile('sent.txt', `${name}\n`),
    }),
  ],
}
