import { isWide, TenantLogo } from '../brand/tenant_logo.tsx'
import { useBranding } from '../brand/use_branding.ts'
import { useSession } from '../session/session.tsx'
import { type Brand, BrandMark } from './brand.tsx'

/** The workspace that the person is in, and the product. */
export function TenantName({ brand }: { brand: Brand }) {
  const { tenant_name } = useSession()
  const logo = useBranding().data?.logo
  if (logo && isWide(logo)) {
    return (
      <span className="flex min-w-0 flex-1">
        <TenantLogo logo={logo} name={tenant_name} />
      </span>
    )
  }
  return (
    <span className="flex min-w-0 flex-1 items-center gap-2.5 text-left">
      {logo ? <TenantLogo logo={logo} name={tenant_name} /> : <BrandMark brand={brand} />}
      <span className="grid min-w-0 leading-tight">
        <span className="truncate text-sm font-semibold" title={tenant_name} dir="auto">
          {tenant_name}
        </span>
        <span className="truncate text-xs text-muted">{brand.name}</span>
      </span>
    </span>
  )
}
