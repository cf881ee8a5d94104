import type { KernelTables } from 'tenantry'
import type { AppTables } from './tables.ts'

/** The tables that queries can use: the app's own, and the kernel's for joins. */
export type Database = AppTables & KernelTables
