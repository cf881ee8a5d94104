import { withClient } from '../../../packages/server/src/db/connect/with_client.ts'
import { lint } from '../../../packages/server/src/db/lint/lint.ts'
import { lintRules } from '../../../packages/server/src/db/lint/rules.ts'
import type { TemporaryDatabase } from '../../../packages/server/src/db/provisioning/temporary_database.ts'
import { openDatabaseOn } from '../database.ts'
import type { Figure } from '../figure.ts'
import { median } from '../statistics.ts'

const TABLES = 200
const ROUNDS = 15

export const catalogRules: Figure = {
  name: 'catalog-rules',
  what: `time of the catalog's rules, which a start checks, with ${TABLES} more tables of an app, against the tables of the starter`,
  target: { atMost: 5 },
  unit: ' x',
  async measure(bench) {
    const few = await bench.openDatabase()
    const many = await openDatabaseOn(few)
    await addTables(many)
    const times: { few: number[]; many: number[] } = { few: [], many: [] }
    for (let round = 0; round <= ROUNDS; round++) {
      const [first, second] = [await checkIn(few), await checkIn(many)]
      // The first round warms up.
      if (round === 0) continue
      times.few.push(first)
      times.many.push(second)
    }
    return {
      value: median(times.many.map((it, at) => it / (times.few[at] ?? Number.NaN))),
      notes: [
        `${lintRules.length} rules in one statement: ${median(times.few).toFixed(0)} ms, ` +
          `with ${TABLES} more tables ${median(times.many).toFixed(0)} ms`,
      ],
    }
  },
}

// Tables as `tenantry new resource` writes them, each with a foreign key to the one before.
function addTables({ urls }: TemporaryDatabase): Promise<void> {
  return withClient(urls.owner, async (client) => {
    for (let n = 0; n < TABLES; n++) {
      await client.query(`
        create table bench_${n} (
          tenant_id uuid not null,
          id uuid not null,
          name text not null check (length(name) between 1 and 200),
          previous_id uuid,
          created_at timestamptz not null default now(),
          primary key (tenant_id, id),
          unique (tenant_id, name)
        );
        create index on bench_${n} (tenant_id, previous_id);
        select tenantry.make_tenant_table('bench_${n}')`)
      if (n === 0) continue
      await client.query(
        `alter table bench_${n} add foreign key (tenant_id, previous_id) references bench_${n - 1}`,
      )
    }
  })
}

// As a start: on a new connection, whose caches of the catalog are empty.
function checkIn({ urls }: TemporaryDatabase): Promise<number> {
  return withClient(urls.app, async (client) => {
    const startedAt = performance.now()
    const findings = await lint(client, lintRules)
    const ms = performance.now() - startedAt
    if (findings.length > 0) throw new Error(`${findings.length} findings`)
    return ms
  })
}
