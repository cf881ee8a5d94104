const COMMON = ['read', 'create', 'update', 'delete']

/** Does a pattern (`*`, `*:read`, `projects:*`, or one permission) cover a permission? */
function covers(pattern: string, permission: string): boolean {
  if (pattern === '*') return true
  const wanted = permission.split(':')
  const parts = pattern.split(':')
  return (
    parts.length === wanted.length && parts.every((part, at) => part === '*' || part === wanted[at])
  )
}

/** The permissions of the catalogue that these grants cover. */
export function expand(grants: readonly string[], catalogue: readonly string[]): string[] {
  return catalogue.filter((it) => grants.some((pattern) => covers(pattern, it)))
}

/**
 * The grants with or without a permission. To take away one permission that a pattern covers, the pattern
 * becomes the other permissions that it covers now.
 */
export function withPermission(
  grants: readonly string[],
  permission: string,
  granted: boolean,
  catalogue: readonly string[],
): string[] {
  if (granted) return [...grants, permission]
  const kept = grants.filter((it) => !covers(it, permission))
  const cut = grants.filter((it) => covers(it, permission))
  const rest = expand(cut, catalogue).filter((it) => it !== permission)
  return [...new Set([...kept, ...rest])]
}

/** A table of the catalogue: its resources, and their actions with the common ones first. */
export function matrixOf(catalogue: readonly string[]): { resources: string[]; actions: string[] } {
  const parts = catalogue.map((it) => it.split(':'))
  const all = new Set(parts.map(([, action = '']) => action))
  const common = COMMON.filter((it) => all.has(it))
  const others = [...all].filter((it) => !COMMON.includes(it)).sort()
  return {
    resources: [...new Set(parts.map(([resource = '']) => resource))],
    actions: [...common, ...others],
  }
}
