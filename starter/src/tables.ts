// Generated from a migrated database: npm run generate. Do not edit.
import type { ColumnType } from 'kysely'

export interface AppTables {
  projects: {
    tenant_id: ColumnType<string, string | undefined, string>
    id: ColumnType<string, string, string>
    name: ColumnType<string, string, string>
    name_key: ColumnType<string, never, never>
    description: ColumnType<string, string | undefined, string>
    created_at: ColumnType<string, string | Date | undefined, string | Date>
    updated_at: ColumnType<string, string | Date | undefined, string | Date>
  }
}
