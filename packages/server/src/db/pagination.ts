import type { SelectQueryBuilder } from 'kysely'
import { z } from 'zod'
import type { Cursors } from '../app/context.ts'

/** The query of every list: `?limit=` 1 to 100, default 50, and the cursor of the previous page. */
export const PageQuery = z.object({
  limit: z.coerce.number().int().min(1).max(100).default(50),
  cursor: z.string().min(1).max(1000).optional(),
})

/** The reply of every list. `next_cursor` is null on the last page. */
export function pageOf<Item extends z.ZodType>(item: Item) {
  return z.object({ items: z.array(item), next_cursor: z.string().nullable() })
}

/**
 * Reads one page of a query, newest first, by id (ids sort by time). Stable while rows are added: a
 * page starts after the last id of the previous page, never at an offset.
 */
export async function readPage<DB, TB extends keyof DB, Row extends { id: string }>(
  cursors: Cursors,
  query: z.output<typeof PageQuery>,
  rows: SelectQueryBuilder<DB, TB, Row>,
  id: `${TB & string}.${string}`,
): Promise<{ items: Row[]; next_cursor: string | null }> {
  // kysely cannot know that `<table>.id` is a column of an open DB type.
  let page = rows.orderBy(id as never, 'desc').limit(query.limit + 1)
  if (query.cursor !== undefined) {
    page = page.where(id as never, '<', cursors.open(query.cursor) as never)
  }
  const found = await page.execute()
  const items = found.slice(0, query.limit)
  const last = found.length > query.limit ? items.at(-1) : undefined
  return { items, next_cursor: last === undefined ? null : cursors.seal(last.id) }
}
