import { useTranslation } from 'react-i18next'
import { api } from '../../api/client.ts'
import { useRefresh } from '../../api/query_client.ts'
import { useSession } from '../../session/session.tsx'
import { Button } from '../../ui/button.tsx'
import { PasswordField } from '../../ui/form/field.tsx'
import { useForm } from '../../ui/form/form.ts'
import { ProblemNotice } from '../../ui/form/notice.tsx'
import { Card, CardBody } from '../../ui/layout.tsx'
import { toast } from '../../ui/toast.tsx'

const empty = { current_password: '', new_password: '' }

/** A new password, with the current one as proof. */
export function PasswordCard() {
  const { t } = useTranslation(['console', 'auth'])
  const { user_email } = useSession()
  const refresh = useRefresh()
  const form = useForm({
    initial: empty,
    check: (it) => ({
      ...(it.current_password === '' && { current_password: t('auth:form.required') }),
      ...(it.new_password === '' && { new_password: t('auth:form.required') }),
    }),
    submit: async (body) => {
      await api.PUT('/api/account/password', { body })
      form.set('current_password', '')
      form.set('new_password', '')
      toast(t('account.changed'))
      await refresh('sessions')
    },
  })
  return (
    <Card title={t('account.password')} description={t('account.passwordText')}>
      <form {...form.formProps}>
        <CardBody>
          <ProblemNotice problem={form.problem} />
          {/* Password managers store the new password under this name. */}
          <input
            type="email"
            name="username"
            autoComplete="username"
            value={user_email}
            readOnly
            hidden
          />
          <div className="grid items-start gap-5 sm:grid-cols-2">
            <PasswordField
              label={t('account.current')}
              autoComplete="current-password"
              {...form.text('current_password')}
            />
            <PasswordField
              label={t('account.new')}
              hint={t('account.newHint')}
              autoComplete="new-password"
              {...form.text('new_password')}
            />
          </div>
        </CardBody>
        <div className="flex justify-end border-t border-line bg-canvas px-5 py-3 sm:px-6">
          <Button type="submit" look="primary" busy={form.busy} disabled={!form.changed}>
            {t('account.change')}
          </Button>
        </div>
      </form>
    </Card>
  )
}
