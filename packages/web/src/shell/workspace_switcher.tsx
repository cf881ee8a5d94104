import { useQuery } from '@tanstack/react-query'
import { api } from '../api/client.ts'
import { useLazyPopup } from '../ui/use_lazy_popup.ts'
import type { Brand } from './brand.tsx'
import { SwitcherButton } from './switcher_button.tsx'
import { TenantName } from './tenant_name.tsx'

const loadPopup = async () => (await import('./workspace_popup.tsx')).WorkspacePopup

/**
 * Names the workspace, and leads to the person's others. An account of one workspace has no others, and a custom domain
 * must not learn them.
 */
export function WorkspaceSwitcher({ brand }: { brand: Brand }) {
  const { Popup, button } = useLazyPopup(loadPopup)
  const { data: branding } = useQuery({
    queryKey: ['branding'],
    queryFn: async ({ signal }) => (await api.GET('/api/branding', { signal })).data,
    staleTime: Number.POSITIVE_INFINITY,
  })
  if (branding?.identity_scope !== 'global' || branding.sign_in_origin !== null) {
    return (
      <div className="flex min-w-0 p-1.5">
        <TenantName brand={brand} />
      </div>
    )
  }
  if (Popup === undefined) return <SwitcherButton brand={brand} {...button} />
  return (
    <Popup
      brand={brand}
      here={branding.subdomain}
      findUrl={`${branding.app_origin}/auth/find-workspace`}
    />
  )
}
