import { createContext, useContext, useEffect } from 'react'

/** The name of the product, which ends the title of each page. */
export const ProductName = createContext('')

/** Names the page on its tab. Undefined leaves the title as it is. */
export function usePageTitle(title: string | undefined): void {
  const product = useContext(ProductName)
  useEffect(() => {
    if (title !== undefined) document.title = `${title} · ${product}`
  }, [title, product])
}
