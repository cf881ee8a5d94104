import { useTranslation } from 'react-i18next'
import { api } from '../../api/client.ts'
import { useRefresh } from '../../api/query_client.ts'
import { Dialog } from '../../ui/dialog.tsx'
import { DialogForm } from '../../ui/form/dialog_form.tsx'
import { TextField } from '../../ui/form/field.tsx'
import { useForm } from '../../ui/form/form.ts'
import { toast } from '../../ui/toast.tsx'
import { RoleChoice } from '../members/role_choice.tsx'

const empty = { email: '', full_name: '', message: '', roles: [] as string[] }

/** Invites a person by mail. */
export function InviteDialog({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation(['console', 'auth'])
  const refresh = useRefresh()
  const form = useForm({
    initial: empty,
    check: ({ email }) => (email.includes('@') ? {} : { email: t('auth:form.email') }),
    submit: async ({ email, roles, ...texts }) => {
      const given = Object.entries(texts).filter(([, it]) => it.trim() !== '')
      const body = { email: email.trim(), roles, ...Object.fromEntries(given) }
      await api.POST('/api/invitations', { body })
      toast(t('invitations.sent', { email: email.trim() }))
      onClose()
      await refresh('invitations', 'setup')
    },
  })
  return (
    <Dialog
      keep
      title={t('invitations.title')}
      description={t('invitations.lead')}
      onClose={onClose}
    >
      <DialogForm form={form} action={t('invitations.send')} onClose={onClose}>
        <TextField
          label={t('members.email')}
          type="email"
          inputMode="email"
          autoComplete="off"
          autoCapitalize="none"
          spellCheck={false}
          {...form.text('email')}
        />
        <TextField label={t('invitations.name')} autoComplete="off" {...form.text('full_name')} />
        <TextField
          label={t('invitations.message')}
          hint={t('invitations.messageHint')}
          maxLength={500}
          {...form.text('message')}
        />
        <div className="grid gap-1.5">
          <p className="text-sm font-medium" aria-hidden="true">
            {t('members.roles')}
          </p>
          <RoleChoice chosen={form.values.roles} onChange={(roles) => form.set('roles', roles)} />
        </div>
      </DialogForm>
    </Dialog>
  )
}
