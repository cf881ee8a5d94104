import { createContext } from 'react'

/** The name of the product, which ends the title of each page. */
export const ProductName = createContext('')
