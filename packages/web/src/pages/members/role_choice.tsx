import { useTranslation } from 'react-i18next'
import type { Role } from '../../api/schema.ts'
import { useSession } from '../../session/session.tsx'
import { Checkbox } from '../../ui/form/checkbox.tsx'
import { Loaded, Skeleton } from '../../ui/states.tsx'
import { expand } from '../roles/permissions.ts'
import { descriptionOf, roleName } from '../roles/role_text.ts'
import { useRoles } from '../roles/use_roles.ts'

interface RoleChoiceProps {
  chosen: readonly string[]
  onChange: (roles: string[]) => void
}

/** The tenant's roles to tick. A role that holds more than the actor does cannot be given. */
export function RoleChoice({ chosen, onChange }: RoleChoiceProps) {
  const { t } = useTranslation('console')
  const { permissions } = useSession()
  const { roles, catalogue } = useRoles()
  return (
    <Loaded query={catalogue} loading={<Skeleton rows={3} />}>
      {(all) => (
        <fieldset className="-mx-2.5 grid gap-0.5">
          <legend className="sr-only">{t('members.roles')}</legend>
          {roles.map((role) => {
            const lacks = missingOf(role, all, permissions)
            const isChosen = chosen.includes(role.name)
            return (
              <Checkbox
                key={role.name}
                label={roleName(role.name)}
                hint={
                  lacks.length > 0
                    ? t('roles.cannotGrant', { count: lacks.length })
                    : descriptionOf(role)
                }
                checked={isChosen}
                disabled={lacks.length > 0}
                onChange={(checked) =>
                  onChange(
                    checked ? [...chosen, role.name] : chosen.filter((it) => it !== role.name),
                  )
                }
              />
            )
          })}
        </fieldset>
      )}
    </Loaded>
  )
}

function missingOf(role: Role, all: readonly string[], held: readonly string[]): string[] {
  return expand(role.permissions, all).filter((it) => !held.includes(it))
}
