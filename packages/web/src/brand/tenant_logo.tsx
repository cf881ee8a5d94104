import type { Branding } from './tenant_brand.ts'

export type Logo = NonNullable<Branding['logo']>

const heights = { sm: 32, lg: 40 }
const WIDEST = 180

/** Is it a wordmark, which holds the name already? */
export function isWide({ width, height }: Pick<Logo, 'width' | 'height'>): boolean {
  return width > 2 * height
}

/** The logo of the tenant. A wide one stands for its name; beside the name another one says nothing. */
export function TenantLogo({
  logo,
  name,
  size = 'sm',
}: {
  logo: Logo
  name: string
  size?: keyof typeof heights
}) {
  const { url, width, height } = logo
  const scale = Math.min(heights[size] / height, (isWide(logo) ? WIDEST : heights[size]) / width)
  return (
    <img
      src={url}
      alt={isWide(logo) ? name : ''}
      // With its size, so that nothing moves when it arrives.
      width={Math.round(width * scale)}
      height={Math.round(height * scale)}
      // Most logos are drawn for a light page.
      className={`${isWide(logo) ? 'min-w-0' : 'shrink-0'} rounded-md object-contain dark:bg-white dark:p-1`}
    />
  )
}
