import type { ComponentType } from 'react'

/** The name and the mark of the product. */
export interface Brand {
  name: string
  /** A small square mark. Default: the first letter of the name. */
  Mark?: ComponentType
}

/** The brand where the app gives none. */
export const defaultBrand: Brand = { name: 'Tenantry' }

/** The mark of the product, or its first letter. */
export function BrandMark({ brand: { name, Mark } }: { brand: Brand }) {
  if (Mark !== undefined) return <Mark />
  return (
    <span
      aria-hidden="true"
      className="grid size-8 shrink-0 place-items-center rounded-lg bg-accent text-base font-semibold text-on-accent shadow-[inset_0_1px_0_oklch(1_0_0/0.18)]"
    >
      {name.charAt(0)}
    </span>
  )
}
