import { type ListQuery, newId, notFound, readList, type TenantContext } from 'tenantry'
import type { z } from 'zod'
import type { Database } from '../database.ts'
import { type NewProject, type ProjectChanges, ProjectList } from './projects.schema.ts'

type Context = TenantContext<Database>

const columns = ['id', 'name', 'description', 'created_at', 'updated_at'] as const

export function listProjects(ctx: Context, query: ListQuery<typeof ProjectList>) {
  return readList(ctx, ProjectList, query, ctx.db.selectFrom('projects').select(columns))
}

/** Throws 404, also for a project of another tenant: the database does not return it. */
export async function findProject({ db }: Context, id: string) {
  const project = await db
    .selectFrom('projects')
    .select(columns)
    .where('id', '=', id)
    .executeTakeFirst()
  if (project === undefined) throw notFound()
  return project
}

export function createProject({ db }: Context, project: z.output<typeof NewProject>) {
  return db
    .insertInto('projects')
    .values({ id: newId(), ...project })
    .returning(columns)
    .executeTakeFirstOrThrow()
}

/** Honours If-Match: the second of two conflicting changes gets 412. */
export async function updateProject(
  ctx: Context,
  id: string,
  changes: z.output<typeof ProjectChanges>,
) {
  ctx.requireMatch(await lockProject(ctx, id))
  return ctx.db
    .updateTable('projects')
    .set({ ...changes, updated_at: new Date() })
    .where('id', '=', id)
    .returning(columns)
    .executeTakeFirstOrThrow()
}

export async function deleteProject(ctx: Context, id: string) {
  const { numDeletedRows } = await ctx.db
    .deleteFrom('projects')
    .where('id', '=', id)
    .executeTakeFirst()
  if (numDeletedRows === 0n) throw notFound()
}

async function lockProject({ db }: Context, id: string) {
  const project = await db
    .selectFrom('projects')
    .select(columns)
    .where('id', '=', id)
    .forUpdate()
    .executeTakeFirst()
  if (project === undefined) throw notFound()
  return project
}
