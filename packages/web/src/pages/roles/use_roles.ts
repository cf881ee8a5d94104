import { useWhole } from '../../api/query.ts'

/** The system roles, then the tenant's own. The query is that of the roles that are not read yet. */
export function useRoles() {
  const system = useWhole('roles', '/api/system-roles')
  const own = useWhole('roles', '/api/roles')
  const query = system.data === undefined ? system : own
  const roles = [...(system.data ?? []), ...(own.data ?? [])]
  return { query, roles, catalogue: useWhole('roles', '/api/permissions') }
}
