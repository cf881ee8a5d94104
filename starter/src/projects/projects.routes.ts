import { del, get, patch, post } from '../policy.ts'
import { NewProject, Project, ProjectChanges, ProjectList, ProjectPath } from './projects.schema.ts'
import {
  createProject,
  deleteProject,
  findProject,
  listProjects,
  updateProject,
} from './projects.ts'

export const projectRoutes = [
  get('/api/projects', {
    access: 'projects:read',
    summary: 'List projects',
    list: ProjectList,
    handle: (ctx, { query }) => listProjects(ctx, query),
  }),
  get('/api/projects/:project_id', {
    access: 'projects:read',
    summary: 'Get a project',
    params: ProjectPath,
    reply: Project,
    handle: (ctx, { params }) => findProject(ctx, params.project_id),
  }),
  post('/api/projects', {
    access: 'projects:create',
    summary: 'Create a project',
    body: NewProject,
    reply: Project,
    status: 201,
    handle: (ctx, { body }) => createProject(ctx, body),
  }),
  patch('/api/projects/:project_id', {
    access: 'projects:update',
    summary: 'Change a project',
    params: ProjectPath,
    body: ProjectChanges,
    reply: Project,
    handle: (ctx, { params, body }) => updateProject(ctx, params.project_id, body),
  }),
  del('/api/projects/:project_id', {
    access: 'projects:delete',
    summary: 'Delete a project',
    params: ProjectPath,
    handle: (ctx, { params }) => deleteProject(ctx, params.project_id),
  }),
]
