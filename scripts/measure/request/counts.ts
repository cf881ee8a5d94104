import type { Calls } from './call_counter.ts'

/** The route whose cost is measured. */
export const MEASURED_ROUTE = 'GET /api/projects/:project_id'

/** The calls of one request, before its handler ran and from then on. */
export interface Counts {
  before: Calls
  after: Calls
}
