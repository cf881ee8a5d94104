import { useQuery } from '@tanstack/react-query'
import { useTranslation } from 'react-i18next'
import { api } from '../../api/client.ts'
import { isForbidden, isMissing } from '../../api/problem.ts'
import { useSession } from '../../session/session.tsx'

const MINUTE_MS = 60_000

/** The name of who did something. The log keeps ids: a former member has no name any more. */
export function Actor({ id }: { id: string | null }) {
  const { t } = useTranslation('console')
  const name = useMemberName(id)
  if (id === null) return <span className="text-muted">{t('auditLogs.system')}</span>
  if (name === null) {
    return (
      <span className="text-muted" title={id}>
        {t('auditLogs.formerMember')}
      </span>
    )
  }
  return <span dir="auto">{name ?? '…'}</span>
}

/** A member's name, null if there is no such member, undefined until it is known. */
function useMemberName(id: string | null): string | null | undefined {
  const me = useSession()
  const isOwn = id === me.id
  const { data } = useQuery({
    queryKey: ['members', 'name', id],
    enabled: id !== null && !isOwn && me.can('members:read'),
    staleTime: 5 * MINUTE_MS,
    queryFn: async ({ signal }) => nameOf(id ?? '', signal),
  })
  if (isOwn) return me.user_name || me.user_email
  return me.can('members:read') ? data : id
}

async function nameOf(user_id: string, signal: AbortSignal): Promise<string | null> {
  try {
    const { data } = await api.GET('/api/members/{user_id}', {
      params: { path: { user_id } },
      signal,
    })
    return data.full_name || data.email
  } catch (error) {
    if (isMissing(error) || isForbidden(error)) return null
    throw error
  }
}
