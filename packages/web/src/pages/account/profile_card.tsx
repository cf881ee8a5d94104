import { useTranslation } from 'react-i18next'
import { ifMatch } from 'tenantry-client'
import { api } from '../../api/client.ts'
import type { Version } from '../../api/hooks.ts'
import { useVersion } from '../../api/query.ts'
import { useRefresh } from '../../api/query_client.ts'
import type { Account } from '../../api/schema.ts'
import { availableLocales, localeName, showBestLocale } from '../../i18n/i18n.ts'
import { Button } from '../../ui/button.tsx'
import { Select, TextField } from '../../ui/form/field.tsx'
import { useForm } from '../../ui/form/form.ts'
import { FormProblem } from '../../ui/form/notice.tsx'
import { Card, CardBody } from '../../ui/layout.tsx'
import { Loaded, Skeleton } from '../../ui/states.tsx'
import { toast } from '../../ui/toast.tsx'

/** Name and language. */
export function ProfileCard() {
  const { t } = useTranslation('console')
  const query = useVersion('account', '/api/account')
  return (
    <Card title={t('account.profile')} description={t('account.profileText')}>
      <Loaded query={query} loading={<Skeleton rows={2} />}>
        {(read) => <ProfileForm key={read.etag} read={read} reload={() => void query.refetch()} />}
      </Loaded>
    </Card>
  )
}

function ProfileForm({ read, reload }: { read: Version<Account>; reload: () => void }) {
  const { t, i18n } = useTranslation('console')
  const refresh = useRefresh()
  const { data } = read
  const store = async (values: { full_name: string; locale: string }, overwrite: boolean) => {
    const body = { full_name: values.full_name.trim(), locale: values.locale || null }
    await api.PATCH('/api/account', { body, ...(!overwrite && ifMatch(read)) })
    if (values.locale !== (data.locale ?? '')) await showBestLocale(values.locale)
    // By i18n, which has the new language already.
    toast(i18n.t('console:account.stored'))
    await refresh('account', 'me', 'members')
  }
  const form = useForm({
    initial: { full_name: data.full_name, locale: data.locale ?? '' },
    submit: store,
  })
  const { locale } = form.values
  const offered = availableLocales()
  const tags = locale === '' || offered.includes(locale) ? offered : [...offered, locale]
  return (
    <form {...form.formProps}>
      <CardBody>
        <FormProblem form={form} reload={reload} />
        <div className="grid items-start gap-5 sm:grid-cols-2">
          <TextField
            label={t('account.name')}
            autoComplete="name"
            maxLength={200}
            {...form.text('full_name')}
          />
          <Select
            label={t('account.language')}
            hint={t('account.languageText')}
            value={locale}
            onChange={(value) => form.set('locale', value)}
          >
            <option value="">{t('account.defaultLanguage')}</option>
            {tags.map((it) => (
              <option key={it} value={it} lang={it}>
                {localeName(it)}
              </option>
            ))}
          </Select>
        </div>
      </CardBody>
      <div className="flex justify-end border-t border-line bg-canvas px-5 py-3 sm:px-6">
        <Button type="submit" look="primary" busy={form.busy} disabled={!form.changed}>
          {t('action.save')}
        </Button>
      </div>
    </form>
  )
}
