import { createJobs, type Jobs } from './jobs/create_jobs.ts'
import type { Routes } from './route.ts'
import { createRoutes } from './route.ts'

/** The kernel's own resources. Every app has them, and its roles grant them like the app's own. */
export const kernelResources = {
  tenant: ['read', 'update', 'transfer'],
  members: ['read', 'update', 'delete'],
  invitations: ['read', 'create', 'delete'],
  roles: ['read', 'create', 'update', 'delete'],
  sessions: ['read', 'delete'],
  domains: ['read', 'create', 'update', 'delete'],
  audit_logs: ['read'],
} as const

type Resources = Record<string, readonly string[]>
type PermissionOf<R extends Resources> = {
  [Name in keyof R & string]: `${Name}:${R[Name][number]}`
}[keyof R & string]
/** A permission on one of the kernel's own resources. */
export type KernelPermission = PermissionOf<typeof kernelResources>

export interface SystemRole {
  description: string
  /** Permissions, or patterns of them: `*`, `*:read`, `projects:*`. */
  permissions: readonly string[]
}

interface WithActor {
  actor: { permissions: ReadonlySet<string> }
}

/** The permissions of an app, and the system roles that grant them. */
export interface Policy<Permission extends string = string, Role extends string = string> {
  /** The catalogue: every permission, sorted. */
  readonly permissions: readonly string[]
  readonly roles: Readonly<Record<Role, SystemRole>>
  /** The permissions of the catalogue that these grants cover. */
  expand(grants: Iterable<string>): Set<string>
  /**
   * Does the actor of `ctx` hold this permission in this tenant? Throws if the permission is not in the
   * catalogue: a misspelled one would otherwise be a silent false.
   */
  can(ctx: WithActor, permission: Permission): boolean
  /** Route builders whose `access` is typed by this policy's permissions and roles. */
  routes<Database>(): Routes<Permission, Role, Database>
  /** Builders of background jobs whose `ctx.db` has these tables. */
  jobs<Database>(): Jobs<Database>
}

/**
 * Defines the app's policy on one page: its resources with their actions, and its system roles. Throws
 * at start if a role grants a permission that does not exist.
 */
export function definePolicy<const R extends Resources, const Role extends string>(definition: {
  resources: R
  roles: Record<Role, SystemRole>
}): Policy<PermissionOf<R> | KernelPermission, Role> {
  assertResources(definition.resources)
  const catalogue = catalogueOf({ ...definition.resources, ...kernelResources })
  for (const [name, role] of Object.entries<SystemRole>(definition.roles)) {
    assertRole(name, role, catalogue)
  }
  return {
    permissions: catalogue,
    // Without a prototype: `constructor` is a role only if the app defines one.
    roles: Object.freeze(Object.assign(Object.create(null), definition.roles)),
    expand: (grants) => expandGrants(grants, catalogue),
    can: (ctx, permission) => holds(ctx, permission, catalogue),
    routes: createRoutes,
    jobs: createJobs,
  }
}

/** Does a pattern (`*`, `*:read`, `projects:*`, or one permission) cover a permission? */
export function covers(pattern: string, permission: string): boolean {
  if (pattern === '*') return true
  const wanted = permission.split(':')
  const parts = pattern.split(':')
  return (
    parts.length === wanted.length && parts.every((part, at) => part === '*' || part === wanted[at])
  )
}

function catalogueOf(resources: Resources): string[] {
  return Object.entries(resources)
    .flatMap(([name, actions]) => actions.map((action) => `${name}:${action}`))
    .sort()
}

function expandGrants(grants: Iterable<string>, catalogue: readonly string[]): Set<string> {
  const patterns = [...grants]
  return new Set(catalogue.filter((it) => patterns.some((pattern) => covers(pattern, it))))
}

function holds({ actor }: WithActor, permission: string, catalogue: readonly string[]): boolean {
  if (actor.permissions.has(permission)) return true
  if (catalogue.includes(permission)) return false
  throw new Error(`policy.can: no permission "${permission}"; known: ${catalogue.join(', ')}`)
}

function assertResources(resources: Resources) {
  for (const [name, actions] of Object.entries(resources)) {
    if (Object.hasOwn(kernelResources, name)) {
      throw new Error(`policy: "${name}" is one of the kernel's own resources; choose another name`)
    }
    if (!/^[a-z][a-z0-9_]*$/.test(name)) {
      throw new Error(`policy: resource "${name}" must be lower_snake_case`)
    }
    const odd = actions.find((action) => !/^[a-z][a-z0-9_]*$/.test(action))
    if (odd !== undefined) {
      throw new Error(`policy: action "${odd}" of "${name}" must be lower_snake_case`)
    }
  }
}

function assertRole(name: string, role: SystemRole, catalogue: readonly string[]) {
  if (!/^[a-z][a-z0-9_]{0,62}$/.test(name)) {
    throw new Error(`policy: role "${name}" must be lower_snake_case, at most 63 characters`)
  }
  for (const pattern of role.permissions) {
    if (!catalogue.some((permission) => covers(pattern, permission))) {
      throw new Error(
        `policy: role "${name}" grants "${pattern}", which no resource has; known: ${catalogue.join(', ')}`,
      )
    }
  }
}
