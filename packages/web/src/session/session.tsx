import { useQuery } from '@tanstack/react-query'
import { createContext, type ReactNode, use, useMemo } from 'react'
import { api } from '../api/client.ts'
import type { Me } from '../api/schema.ts'
import { Failed } from '../ui/states.tsx'

/** The signed-in person, and what they may do in this tenant. */
export interface Session extends Me {
  can(permission: string): boolean
  permissionSet: ReadonlySet<string>
}

const Context = createContext<Session | undefined>(undefined)

/** Reads who is signed in before it shows its children. Without a session, the sign-in page follows. */
export function SessionProvider({
  loading,
  children,
}: {
  loading: ReactNode
  children: ReactNode
}) {
  const query = useQuery({
    queryKey: ['me'],
    queryFn: async ({ signal }) => (await api.GET('/api/auth/me', { signal })).data,
    // What was taken away is shown as soon as the person looks at the page again.
    staleTime: 30_000,
  })
  const me = query.data
  const session = useMemo(() => me && sessionOf(me), [me])
  if (session !== undefined) return <Context value={session}>{children}</Context>
  if (query.isError) return <Failed isPage error={query.error} retry={() => void query.refetch()} />
  return loading
}

function sessionOf(me: Me): Session {
  const permissionSet = new Set(me.permissions)
  return { ...me, permissionSet, can: (permission) => permissionSet.has(permission) }
}

/** The session of the page. */
export function useSession(): Session {
  const session = use(Context)
  if (session === undefined) throw new Error('useSession: the component is outside of the console')
  return session
}
