import { defineList } from 'tenantry'
import { z } from 'zod'

const name = z.string().trim().min(1).max(200)
const description = z.string().max(2000)

export const ProjectPath = z.object({ project_id: z.uuid() })

/** The reply. A column that is not listed here is never sent. */
export const Project = z
  .object({
    id: z.uuid(),
    name,
    description,
    created_at: z.iso.datetime(),
    updated_at: z.iso.datetime(),
  })
  .meta({ id: 'Project' })

/** What a client may sort by and search: docs/lists.md of tenantry. */
export const ProjectList = defineList(Project, {
  table: 'projects',
  columns: { name: 'name_key' },
  sorts: [['-created_at', 'id'], 'name'],
  q: ['name_key'],
})

/** The body of a request. */
export const NewProject = z
  .strictObject({ name, description: description.default('') })
  .meta({ id: 'NewProject' })

export const ProjectChanges = z
  .strictObject({ name: name.optional(), description: description.optional() })
  .meta({ id: 'ProjectChanges' })
