import { expect, test } from 'vitest'
import { byActor } from './audit_log.ts'

const user = { id: 'a', email: 'a@example.com', full_name: 'A' }
const actor = { user, roles: [], permissions: new Set<string>() }

test.each([
  ['session', { actor_id: 'a', session_id: '1' }],
  ['key', { actor_id: 'a' }],
  ['job', { actor_id: 'a' }],
] as const)(
  'an audit row of an actor with a %s names a session only if there is one',
  (kind, row) => {
    expect(byActor({ ...actor, credential: { kind, id: '1' } })).toEqual(row)
  },
)
