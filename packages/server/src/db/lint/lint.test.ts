import type pg from 'pg'
import { describe, expect, test } from 'vitest'
import { sharedDatabase } from '../../../test/fixtures/databases.ts'
import { withClient } from '../connect/with_client.ts'
import { literalsOf, servingRoles } from '../provisioning/roles.ts'
import { schemaFaults } from './boot_check.ts'
import {
  catalogExceptions,
  exceptionFaults,
  type LintExceptions,
  unprotectedTables,
} from './exceptions.ts'
import { allFindings, findingText, lint } from './lint.ts'
import { belowFloor, lintRules, serverFloor } from './rules.ts'

/** SQL that violates a rule, and the subject that the rule must report. */
interface Mutation {
  rule: string
  breaks: string
  subject: string
  /** The role that runs the SQL. The default is the owner. */
  as?: 'admin'
}

const tenantTable = `
  create table lint_notes (tenant_id uuid not null, id uuid not null, parent uuid, name text,
    price numeric, primary key (tenant_id, id));
  select tenantry.make_tenant_table('lint_notes');`

const foreignKey = `alter table lint_notes add constraint lint_parent
  foreign key (tenant_id, parent) references lint_notes (tenant_id, id)`

const ownTenant =
  "(tenant_id = (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::uuid)"

const mutations: Mutation[] = [
  {
    rule: 'L1',
    breaks:
      'create table lint_bare (tenant_id uuid not null, id uuid, primary key (tenant_id, id))',
    subject: 'lint_bare',
  },
  {
    rule: 'L1',
    breaks: `${tenantTable} alter table lint_notes no force row level security`,
    subject: 'lint_notes',
  },
  {
    rule: 'L2',
    breaks: `${tenantTable} create policy wider on lint_notes for select to tenantry_app using (name > '')`,
    subject: 'lint_notes (app_own_tenant, wider)',
  },
  {
    rule: 'L3',
    breaks: `${tenantTable} create policy wider on lint_notes for select to tenantry_identity using (true)`,
    subject: 'lint_notes (wider)',
  },
  {
    rule: 'L3',
    breaks: `${tenantTable} create policy unchecked on lint_notes for update to tenantry_identity using (name > '')`,
    subject: 'lint_notes (unchecked)',
  },
  {
    rule: 'L3',
    breaks: `${tenantTable} create policy shared on lint_notes for select to tenantry_platform, tenantry_identity using (true)`,
    subject: 'lint_notes (shared)',
  },
  // RLS-8: L4 and L5, and L9 for the partitions of a table.
  { rule: 'L4', breaks: 'create view lint_view as select 1 as one', subject: 'lint_view' },
  {
    rule: 'L5',
    breaks: `create materialized view lint_copy as select 1 as one;
      grant select (one) on lint_copy to tenantry_identity`,
    subject: 'lint_copy',
  },
  {
    rule: 'L6',
    breaks: `create function lint_definer() returns int language sql security definer return 1;
      grant execute on function lint_definer() to tenantry_app`,
    subject: 'lint_definer()',
  },
  {
    rule: 'L7',
    breaks: `${tenantTable} alter table lint_notes add unique (id),
      add constraint lint_parent foreign key (parent) references lint_notes (id)`,
    subject: 'lint_notes (lint_parent)',
  },
  {
    rule: 'L8',
    breaks: `${tenantTable} create unique index lint_names on lint_notes (name)`,
    subject: 'lint_names',
  },
  {
    rule: 'L7',
    breaks: `${tenantTable} alter table lint_notes add unique (id, tenant_id), add constraint crossed
      foreign key (tenant_id, parent) references lint_notes (id, tenant_id)`,
    subject: 'lint_notes (crossed)',
  },
  {
    rule: 'L7',
    breaks: `${tenantTable} alter table lint_notes add unique (id);
      create table lint_links (note uuid references lint_notes (id))`,
    subject: 'lint_links (lint_links_note_fkey)',
  },
  {
    rule: 'L8',
    breaks: `${tenantTable} create unique index lint_names on lint_notes (name) include (tenant_id)`,
    subject: 'lint_names',
  },
  {
    rule: 'L8',
    breaks: `${tenantTable} alter table lint_notes add constraint lint_once unique (name)`,
    subject: 'lint_once',
  },
  {
    rule: 'L9',
    breaks: `create table lint_log (tenant_id uuid not null, id int) partition by range (id);
      create table lint_log_1 partition of lint_log for values from (1) to (2);
      grant select on lint_log_1 to tenantry_app`,
    subject: 'lint_log_1',
  },
  {
    rule: 'L10a',
    breaks: 'alter role tenantry_app bypassrls',
    subject: 'tenantry_app (bypassrls)',
    as: 'admin',
  },
  {
    rule: 'L10a',
    breaks: 'grant tenantry_owner to tenantry_identity',
    subject: 'tenantry_identity (member of tenantry_owner)',
    as: 'admin',
  },
  {
    rule: 'L10a',
    breaks: 'grant pg_execute_server_program to tenantry_platform',
    subject: 'tenantry_platform (pg_execute_server_program)',
    as: 'admin',
  },
  {
    rule: 'L10b',
    breaks: `${tenantTable} grant truncate on lint_notes to tenantry_app`,
    subject: 'lint_notes (tenantry_app)',
  },
  {
    rule: 'L10b',
    breaks: 'grant create on schema public to tenantry_app',
    subject: 'schema public (tenantry_app)',
  },
  {
    rule: 'L11',
    breaks: `${tenantTable} create index lint_prices on lint_notes (tenant_id, price)`,
    subject: 'lint_prices (numeric)',
  },
  {
    rule: 'L13',
    breaks: 'create table lint_open (name text); grant select (name) on lint_open to tenantry_app',
    subject: 'public.lint_open',
  },
  {
    rule: 'L14',
    breaks: `${tenantTable} create policy open on lint_notes for select using (name > '')`,
    subject: 'lint_notes (open)',
  },
  {
    rule: 'L23',
    breaks: `${tenantTable} alter policy app_own_tenant on lint_notes using (tenant_id is not null)`,
    subject: `lint_notes (app_own_tenant for all) using (tenant_id IS NOT NULL) check ${ownTenant}`,
  },
  {
    rule: 'L23',
    breaks: `${tenantTable} alter policy app_own_tenant on lint_notes with check (tenant_id is not null)`,
    subject: `lint_notes (app_own_tenant for all) using ${ownTenant} check (tenant_id IS NOT NULL)`,
  },
  {
    rule: 'L23',
    breaks: `${tenantTable} create policy wide on lint_notes for select using (true)`,
    subject: 'lint_notes (wide for select) using true',
  },
  {
    rule: 'L23',
    breaks: `${tenantTable} create policy wide on lint_notes for delete to tenantry_identity using (name > '')`,
    subject: "lint_notes (wide for delete) using (name > ''::text)",
  },
  {
    rule: 'L23',
    breaks:
      'alter policy identity_live_or_own_domains on tenantry.domains using (name is not null)',
    subject: 'tenantry.domains (identity_live_or_own_domains for select) using (name IS NOT NULL)',
  },
  {
    rule: 'L23',
    breaks: `${tenantTable} drop policy app_own_tenant on lint_notes;
      create function same(uuid, uuid) returns boolean language sql return true;
      create operator public.= (leftarg = uuid, rightarg = uuid, function = same);
      create policy app_own_tenant on lint_notes for select to tenantry_app
        using (tenant_id operator(public.=) nullif(current_setting('app.tenant_id', true), '')::uuid);
      set local search_path = public, pg_catalog`,
    subject: `lint_notes (app_own_tenant for select) using ${ownTenant}`,
  },
  {
    rule: 'L19',
    breaks: `create function lint_definer() returns int language sql security definer
      set search_path = pg_catalog return 1; grant execute on function lint_definer() to public`,
    subject: 'lint_definer()',
  },
  {
    rule: 'L19',
    breaks: `${tenantTable} create function lint_triggered() returns trigger language plpgsql
        security definer set search_path = pg_catalog as 'begin return new; end';
      create trigger lint after insert on lint_notes for each row execute function lint_triggered()`,
    subject: 'lint_triggered()',
  },
  {
    rule: 'L26',
    breaks: `${tenantTable} create table lint_all (name text);
      create rule copies as on insert to lint_notes do also insert into lint_all values (new.name)`,
    subject: 'lint_notes (copies)',
  },
  {
    rule: 'L26',
    breaks: `${tenantTable} create view lint_view with (security_invoker = true) as
        select name from lint_notes;
      create rule writes as on delete to lint_view do instead update lint_notes set name = ''`,
    subject: 'lint_view (writes)',
  },
  {
    rule: 'L20',
    breaks: `${tenantTable} alter table lint_notes add author uuid references tenantry.users (id)`,
    subject: 'lint_notes (lint_notes_author_fkey)',
  },
  {
    rule: 'L20',
    breaks: `${tenantTable} alter table lint_notes add other uuid references tenantry.tenants (id)`,
    subject: 'lint_notes (lint_notes_other_fkey)',
  },
  {
    rule: 'L21',
    breaks: `${tenantTable} alter table lint_notes add slot int4range,
      add constraint lint_slots exclude using gist (slot with &&)`,
    subject: 'lint_notes (lint_slots)',
  },
  {
    rule: 'L22',
    breaks: 'create sequence lint_numbers; grant usage on sequence lint_numbers to tenantry_app',
    subject: 'lint_numbers',
  },
  {
    rule: 'L22',
    breaks: `${tenantTable} alter table lint_notes add number int generated always as identity`,
    subject: 'lint_notes_number_seq',
  },
  {
    rule: 'L17',
    breaks: 'create table lint_unreachable (name text)',
    subject: 'public.lint_unreachable',
  },
  {
    rule: 'L18',
    breaks: `${tenantTable} ${foreignKey}`,
    subject: 'lint_notes (lint_parent)',
  },
  {
    rule: 'L18',
    breaks: `${tenantTable} ${foreignKey}; create index on lint_notes (tenant_id, id, parent);
      create index on lint_notes (tenant_id, parent) where name is not null and parent is not null`,
    subject: 'lint_notes (lint_parent)',
  },
  {
    rule: 'L3',
    breaks: `${tenantTable} create policy wider on lint_notes to tenantry_backup using (true)
      with check (true)`,
    subject: 'lint_notes (wider)',
  },
  ...[
    'drop policy backup_all_tenants on lint_notes',
    "alter policy backup_all_tenants on lint_notes using (name > '')",
    "create policy narrow on lint_notes as restrictive for select to tenantry_backup using (name > '')",
    'revoke select on lint_notes from tenantry_backup',
  ].map((breaks) => ({
    rule: 'L24',
    breaks: `${tenantTable} ${breaks}`,
    subject: 'lint_notes',
  })),
  {
    rule: 'L24',
    breaks: `create table lint_years (tenant_id uuid not null, id uuid, year int,
        primary key (tenant_id, id, year)) partition by list (year);
      select tenantry.make_tenant_table('lint_years');
      create table lint_2026 partition of lint_years for values in (2026);
      alter table lint_2026 enable row level security, force row level security`,
    subject: 'lint_2026',
  },
  {
    rule: 'L24',
    breaks:
      'create sequence lint_numbers; revoke all on sequence lint_numbers from tenantry_backup',
    subject: 'lint_numbers',
  },
  {
    rule: 'L24',
    breaks: 'revoke usage on schema tenantry from tenantry_backup',
    subject: 'tenantry.members',
  },
  {
    rule: 'L25',
    breaks: 'alter role tenantry_backup createrole',
    subject: 'tenantry_backup (createrole)',
    as: 'admin',
  },
  ...['delete on lint_notes', 'update (name) on lint_notes', 'truncate on lint_notes'].map(
    (privilege) => ({
      rule: 'L25',
      breaks: `${tenantTable} grant ${privilege} to tenantry_backup`,
      subject: 'lint_notes (tenantry_backup)',
    }),
  ),
  {
    rule: 'L25',
    breaks: 'create sequence lint_numbers; grant usage on sequence lint_numbers to tenantry_backup',
    subject: 'lint_numbers (tenantry_backup)',
  },
]

test('RLS-1 the catalog violates no rule', async () => {
  await withClient(sharedDatabase().owner, async (owner) => {
    expect((await lint(owner, lintRules)).map(findingText)).toEqual([])
  })
})

test('every rule has a mutation that must violate it', () => {
  const violated = new Set(mutations.map(({ rule }) => rule))
  expect(lintRules.map(({ id }) => id).filter((id) => !violated.has(id))).toEqual([])
})

describe('RLS-1 the lint reports', () => {
  test.each(mutations)('$rule: $subject', async ({ rule, breaks, subject, as }) => {
    await withClient(sharedDatabase()[as ?? 'owner'], async (client) => {
      const findings = await findingsAfter(client, breaks)
      expect(findings).toContain(`${rule} ${subject}`)
    })
  })
})

test('an index that leads with a foreign key is accepted, and a finding names one', async () => {
  await withClient(sharedDatabase().owner, async (owner) => {
    for (const index of [
      '(tenant_id, parent, id)',
      '(parent, tenant_id) where parent is not null',
    ]) {
      const breaks = `${tenantTable} ${foreignKey}; create index on lint_notes ${index}`
      expect(await findingsAfter(owner, breaks)).toEqual([])
    }
    await owner.query(`begin; ${tenantTable} ${foreignKey}`)
    expect((await lint(owner, lintRules)).map(findingText)).toEqual([
      'L18 lint_notes (lint_parent): a foreign key of a tenant table has no index; ' +
        'create index on lint_notes (tenant_id, parent)',
    ])
    await owner.query('rollback')
  })
})

test("a table on an app's list is accepted, with or without the schema in its name", async () => {
  await withClient(sharedDatabase().owner, async (owner) => {
    const unreachable = 'create table lint_open (name text);'
    for (const breaks of [
      unreachable,
      `${unreachable} grant select on lint_open to tenantry_app`,
    ]) {
      for (const name of ['lint_open', 'public.lint_open']) {
        expect(
          await findingsAfter(owner, breaks, { unprotectedTables: { [name]: 'a test' } }),
        ).toEqual([])
      }
      expect(
        await findingsAfter(owner, breaks, { unprotectedTables: { other: 'a test' } }),
      ).toHaveLength(1)
    }
  })
})

test('RLS-10 a policy on the list is accepted with the condition that the list states, and no other', async () => {
  await withClient(sharedDatabase().owner, async (owner) => {
    const news = `create table lint_news (id uuid primary key, public boolean);
      alter table lint_news enable row level security, force row level security;
      grant select on lint_news to tenantry_app;
      create policy backup_all_tenants on lint_news for select to tenantry_backup using (true);
      create policy readers on lint_news for select to tenantry_app`
    const catalogExceptions = {
      'L23 lint_news (readers for select) using public': 'news for all tenants',
    }
    expect(await findingsAfter(owner, `${news} using (public)`, { catalogExceptions })).toEqual([])
    const wider = await findingsAfter(owner, `${news} using (public or id is null)`, {
      catalogExceptions,
    })
    expect(wider).toEqual(['L23 lint_news (readers for select) using (public OR (id IS NULL))'])
  })
})

test('an exception excuses nothing without a reason, and one that excuses nothing is reported', async () => {
  await withClient(sharedDatabase().owner, async (owner) => {
    await owner.query(`begin; ${tenantTable} create unique index lint_names on lint_notes (name);
      create table lint_open (name text)`)
    const faults = (app: LintExceptions) => schemaFaults(owner, app)
    const excused = {
      catalogExceptions: { 'L8 lint_names': 'a test' },
      unprotectedTables: { lint_open: 'a test' },
    }
    expect(await faults(excused)).toEqual({ violations: [], exceptions: [] })
    const { violations, exceptions } = await faults({
      catalogExceptions: { 'L8 lint_names': ' ', 'L8 lint_gone': 'a test' },
      unprotectedTables: { lint_open: '', 'public.lint_notes': 'a test' },
    })
    expect(violations).toEqual([
      expect.stringMatching(/^L17 public.lint_open: /),
      expect.stringMatching(/^L8 lint_names: /),
    ])
    expect(exceptions).toEqual([
      "catalogExceptions 'L8 lint_names': this exception has no reason; give one",
      "catalogExceptions 'L8 lint_gone': this exception excuses nothing; remove it",
      "unprotectedTables 'lint_open': this exception has no reason; give one",
      "unprotectedTables 'public.lint_notes': this exception excuses nothing; remove it",
    ])
    await owner.query('rollback')
  })
})

test('every exception of the kernel has a reason and excuses a finding', async () => {
  await withClient(sharedDatabase().owner, async (owner) => {
    const findings = await allFindings(owner, lintRules, literalsOf(servingRoles))
    expect(exceptionFaults(findings, { unprotectedTables, catalogExceptions })).toEqual([])
  })
})

test('RLS-10 a restrictive policy may narrow further', async () => {
  await withClient(sharedDatabase().owner, async (owner) => {
    const breaks = `${tenantTable} create policy narrow on lint_notes as restrictive for select
      to tenantry_app using (name > '')`
    expect(await findingsAfter(owner, breaks)).toEqual([])
  })
})

test('RLS-12 the minimum releases are 15.20, 16.16, 17.12 and 18.7', async () => {
  const below = [150019, 160015, 170011, 180006, 140099]
  const above = [150020, 160016, 170012, 180007, 190000]
  await withClient(sharedDatabase().owner, async (owner) => {
    for (const version of [...below, ...above]) {
      const { rows } = await owner.query(`select ${belowFloor(String(version))} as below`)
      expect([version, rows[0].below]).toEqual([version, below.includes(version)])
    }
    const [finding] = await lint(owner, [serverFloor])
    if (finding !== undefined) expect(findingText(finding)).toMatch(/^L12 \d+\.\d+: PostgreSQL/)
  })
})

/** The findings after `breaks`, in a transaction that is rolled back. */
async function findingsAfter(
  client: pg.Client,
  breaks: string,
  app: LintExceptions = {},
): Promise<string[]> {
  await client.query('begin')
  try {
    await client.query(breaks)
    const findings = await lint(client, lintRules, { app })
    return findings.map(({ rule, subject }) => `${rule.id} ${subject}`)
  } finally {
    await client.query('rollback')
  }
}
