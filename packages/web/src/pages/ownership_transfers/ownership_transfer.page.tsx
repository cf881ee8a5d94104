import { useNavigate } from '@tanstack/react-router'
import { lazy, Suspense } from 'react'
import { useTranslation } from 'react-i18next'
import { api } from '../../api/client.ts'
import { useItem } from '../../api/query.ts'
import { useRefresh } from '../../api/query_client.ts'
import { formatList } from '../../i18n/format.ts'
import { urlOf } from '../../page.ts'
import { ElsewhereCard } from '../../session/elsewhere_card.tsx'
import { useSession } from '../../session/session.tsx'
import { useFilters } from '../../shell/filters.ts'
import { BackLink } from '../../ui/back_link.tsx'
import { classNames } from '../../ui/class_names.ts'
import { DecisiveButton } from '../../ui/decisive_button.tsx'
import { Field, lineClass, PasswordField } from '../../ui/form/field.tsx'
import { useForm } from '../../ui/form/form.ts'
import { Notice, ProblemNotice } from '../../ui/form/notice.tsx'
import { Card, CardBody, PageHeader } from '../../ui/layout.tsx'
import { toast } from '../../ui/toast.tsx'
import { roleName } from '../roles/role_text.ts'

const MemberCombobox = lazy(async () => ({
  default: (await import('../members/member_combobox.tsx')).MemberCombobox,
}))

/** Makes another member the owner in the actor's place. */
export function Page() {
  const { t } = useTranslation('console')
  const { sign_in_origin } = useSession()
  return (
    <>
      <PageHeader
        title={t('ownership.title')}
        description={t('ownership.lead')}
        above={<BackLink to="/account">{t('account.title')}</BackLink>}
      />
      {sign_in_origin === null ? (
        <TransferForm />
      ) : (
        <ElsewhereCard path={urlOf('/ownership-transfer')} />
      )}
    </>
  )
}

function TransferForm() {
  const { t } = useTranslation(['console', 'auth'])
  const { tenant_name } = useSession()
  const [{ user_id = '' }] = useFilters()
  const navigate = useNavigate()
  const refresh = useRefresh()
  const form = useForm({
    initial: { user_id, current_password: '' },
    check: (it) => ({
      ...(it.user_id === '' && { user_id: t('ownership.choose') }),
      ...(it.current_password === '' && { current_password: t('auth:form.required') }),
    }),
    submit: async (body) => {
      await api.POST('/api/ownership-transfers', { body })
      toast(t('ownership.done', { tenant: tenant_name }))
      // This page is for owners only.
      await navigate({ to: urlOf('/') })
      await refresh('me', 'members')
    },
  })
  return (
    <form {...form.formProps}>
      <Card
        title={t('ownership.newOwner')}
        description={t('ownership.newOwnerText')}
        footer={
          // A link can name the new owner, and the browser may have filled the password in.
          <DecisiveButton
            type="submit"
            look="danger"
            busy={form.busy}
            disabled={form.values.user_id === '' && form.values.current_password === ''}
          >
            {t('ownership.transfer')}
          </DecisiveButton>
        }
      >
        <CardBody>
          <ProblemNotice problem={form.problem} />
          <div className="grid items-start gap-5 sm:grid-cols-2">
            <MemberField {...form.text('user_id')} />
            <PasswordField
              label={t('account.current')}
              hint={t('ownership.passwordText')}
              autoComplete="current-password"
              {...form.text('current_password')}
            />
          </div>
          {form.values.user_id !== '' && <Consequences userId={form.values.user_id} />}
        </CardBody>
      </Card>
    </form>
  )
}

interface MemberFieldProps {
  value: string
  error: string | undefined
  onChange: (id: string) => void
}

function MemberField({ value, error, onChange }: MemberFieldProps) {
  const { t } = useTranslation('console')
  const { id } = useSession()
  return (
    <Field label={t('members.member')} error={error}>
      {({ 'aria-invalid': isInvalid, ...input }) => (
        <Suspense fallback={<div className={lineClass} />}>
          <MemberCombobox
            value={value}
            onChange={onChange}
            input={input}
            isInvalid={isInvalid === true}
            placeholder={t('ownership.search')}
            className={classNames(lineClass, 'pr-9')}
            among={{ state: 'active', except: id }}
          />
        </Suspense>
      )}
    </Field>
  )
}

/** What will happen, with the name of the new owner and the roles that change hands. */
function Consequences({ userId }: { userId: string }) {
  const { t } = useTranslation('console')
  const { roles, tenant_name } = useSession()
  const member = useItem('members', '/api/members/{user_id}', { path: { user_id: userId } })
  if (member.data === undefined) return null
  const { full_name, email } = member.data.data
  return (
    <Notice look="warning">
      {t('ownership.consequences', {
        name: full_name || email,
        roles: formatList(roles.map(roleName)),
        tenant: tenant_name,
        count: roles.length,
      })}
    </Notice>
  )
}
