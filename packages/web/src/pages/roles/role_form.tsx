import { useTranslation } from 'react-i18next'
import type { Role } from '../../api/schema.ts'
import { Button } from '../../ui/button.tsx'
import { TextArea, TextField } from '../../ui/form/field.tsx'
import { useForm } from '../../ui/form/form.ts'
import { FormProblem } from '../../ui/form/notice.tsx'
import { Card, CardBody } from '../../ui/layout.tsx'
import { Loaded } from '../../ui/states.tsx'
import { PermissionMatrix } from './permission_matrix.tsx'
import { useRoles } from './use_roles.ts'

/** What a role form stores. */
export type RoleValues = Pick<Role, 'name' | 'description' | 'permissions'>

interface RoleFormProps {
  /** The role to change. Without it the form makes a new one, which has a name to choose. */
  role?: Role
  store: (values: RoleValues, overwrite: boolean) => Promise<void>
  reload?: () => void
}

const blank: RoleValues = { name: '', description: '', permissions: [] }

/** Name, description and permissions of a role. */
export function RoleForm({ role, store, reload = () => {} }: RoleFormProps) {
  const { t } = useTranslation('console')
  const { catalogue } = useRoles()
  const form = useForm({
    initial: role ?? blank,
    check: ({ name }) =>
      /^[a-z][a-z0-9_]{0,62}$/.test(name) ? {} : { name: t('roles.nameInvalid') },
    submit: store,
  })
  return (
    <form {...form.formProps} className="min-w-0">
      <Card
        title={t(role === undefined ? 'roles.role' : 'roles.permissions')}
        footer={
          <Button type="submit" look="primary" busy={form.busy} disabled={!form.changed}>
            {t(role === undefined ? 'roles.create' : 'action.save')}
          </Button>
        }
      >
        <CardBody>
          <FormProblem form={form} reload={reload} />
          {role === undefined && (
            <TextField
              label={t('roles.name')}
              hint={t('roles.nameHint')}
              autoFocus
              autoComplete="off"
              autoCapitalize="none"
              spellCheck={false}
              {...form.text('name')}
            />
          )}
          <TextArea
            label={t('roles.description')}
            maxLength={500}
            rows={2}
            {...form.text('description')}
          />
        </CardBody>
        <Loaded query={catalogue}>
          {(all) => (
            <div className="border-t border-line">
              <PermissionMatrix
                catalogue={all}
                grants={form.values.permissions}
                onChange={(permissions) => form.set('permissions', permissions)}
              />
            </div>
          )}
        </Loaded>
      </Card>
    </form>
  )
}
