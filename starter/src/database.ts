import type { KernelTables } from 'tenantry'
import type { AppTables } from './tables.ts'

/** Every table a query may name: the app's own, and the kernel's to join with. */
export type Database = AppTables & KernelTables
