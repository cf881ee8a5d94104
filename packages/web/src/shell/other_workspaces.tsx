import { useEffect, useRef, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { useItem } from '../api/query.ts'
import { type Workspace, WorkspaceLink } from '../session/workspace_link.tsx'
import { Avatar } from '../ui/badge.tsx'
import { SearchInput } from '../ui/list/search_field.tsx'
import { Loaded, Skeleton } from '../ui/states.tsx'

// As many as one sees without scrolling.
const SEARCHED_FROM = 7

/** The person's workspaces except this one, which is `here`. Suspended ones are not among them. */
export function OtherWorkspaces({ here }: { here: string }) {
  const query = useItem('workspaces', '/api/account/tenants')
  return (
    <Loaded query={query} loading={<Skeleton rows={2} />}>
      {({ data: { items } }) => <Choice {...{ items, here }} />}
    </Loaded>
  )
}

function Choice({ items, here }: { items: readonly Workspace[]; here: string }) {
  const { t } = useTranslation('console')
  const [wanted, search] = useState('')
  const content = useRef<HTMLDivElement>(null)
  useEffect(() => focusFirst(content.current), [])
  const others = items.filter((it) => !it.is_current)
  const found = others.filter((it) => matches(it, wanted))
  if (others.length === 0) return <p className="px-3.5 pb-1 pt-3 text-sm">{t('workspaces.none')}</p>
  return (
    <div ref={content} className="flex min-h-0 flex-col">
      {others.length >= SEARCHED_FROM && (
        <div className="flex shrink-0 border-b border-line p-2">
          <SearchInput label={t('workspaces.search')} value={wanted} onChange={search} />
        </div>
      )}
      {found.length === 0 && <p className="px-3.5 py-3 text-sm text-muted">{t('list.noMatch')}</p>}
      <ul className="min-h-0 overflow-y-auto border-b border-line p-1 empty:hidden">
        {found.map((it) => (
          <li key={it.id}>
            <WorkspaceLink
              to={it}
              here={here}
              className="flex items-center gap-2.5 rounded-lg px-2.5 py-1.5 outline-none hover:bg-hover focus-visible:bg-hover"
            >
              <Avatar name={it.name} className="size-7 text-xs" />
              <span className="grid min-w-0 flex-1 leading-snug">
                <span className="truncate text-sm font-medium" title={it.name} dir="auto">
                  {it.name}
                </span>
                {/* Whole: a custom domain can begin with any other name. */}
                <span className="break-all text-xs text-muted">{new URL(it.home).host}</span>
              </span>
            </WorkspaceLink>
          </li>
        ))}
      </ul>
    </div>
  )
}

function matches({ name, home }: Workspace, wanted: string): boolean {
  const text = `${name} ${new URL(home).host}`.toLocaleLowerCase()
  return text.includes(wanted.trim().toLocaleLowerCase())
}

// Where the list comes after the popup. On a touch screen a field would open the keyboard.
function focusFirst(content: HTMLElement | null): void {
  const popup = content?.closest('[role=dialog]')
  if (!popup?.contains(document.activeElement) || matchMedia('(pointer: coarse)').matches) return
  content?.querySelector<HTMLElement>('input, a')?.focus()
}
