/** The collections of the ids in a path: `/api/projects` for `/api/projects/:project_id`. */
export function collectionsIn(path: string): string[] {
  const parts = path.split('/')
  return parts.flatMap((part, at) => (part.startsWith(':') ? [parts.slice(0, at).join('/')] : []))
}

/** A path with an id for each parameter. */
export function withIds(path: string, idOf: (collection: string) => string): string {
  const parts = path.split('/')
  return parts
    .map((part, at) => (part.startsWith(':') ? idOf(parts.slice(0, at).join('/')) : part))
    .join('/')
}
