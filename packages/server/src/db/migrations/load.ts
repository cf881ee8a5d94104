import { readFile } from 'node:fs/promises'
import type { MigrationBuilder } from 'node-pg-migrate'
import { isConcurrent } from './concurrent_indexes.ts'
import { splitStatements } from './split_statements.ts'

/** Loads migrations, one file for each direction. Each runs in a transaction, unless it cannot. */
export async function loadMigrations(paths: string[]) {
  const ups = paths.filter((it) => it.endsWith('.up.sql'))
  return Promise.all(
    ups.map(async (up) => {
      const down = up.replace(/up\.sql$/, 'down.sql')
      return {
        id: up.replace(/\.up\.sql$/, '.sql'),
        filePaths: [up, down],
        actions: {
          up: await read(up),
          down: paths.includes(down) && (await read(down)),
          shorthands: {},
        },
      }
    }),
  )
}

async function read(path: string): Promise<(builder: MigrationBuilder) => void> {
  const sql = await readFile(path, 'utf8')
  return (builder) => {
    if (isConcurrent(sql)) builder.noTransaction()
    for (const it of splitStatements(sql)) builder.sql(it)
  }
}
