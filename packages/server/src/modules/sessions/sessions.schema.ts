import { z } from 'zod'
import { defineList } from '../../app/list.ts'

const Session = z
  .object({
    id: z.uuid(),
    user_agent: z.string(),
    method: z.string().meta({ description: 'How the user signed in, such as `password`' }),
    client: z.string().meta({ description: 'Browser and system, such as `Firefox on Windows`' }),
    address: z.string(),
    domain: z.string().nullable().meta({
      description: 'The custom domain at which it was opened. Null: the subdomain',
    }),
    created_at: z.iso.datetime(),
    last_seen_at: z.iso.datetime(),
    expires_at: z.iso.datetime(),
    is_current: z.boolean().meta({ description: 'Whether this is the session of the request' }),
  })
  .meta({ id: 'Session' })

// A member has at most 1,000 sessions: their own index by user serves every page.
export const SessionList = defineList(Session, { table: 'tenantry.sessions', as: 's' })
