import type { Figure } from './figure.ts'
import { tenantData } from './figures/tenant_data.ts'

/** The rows of the table, in its order. */
export const allFigures: readonly Figure[] = [tenantData]
