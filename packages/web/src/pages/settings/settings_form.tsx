import { useEffect } from 'react'
import { useTranslation } from 'react-i18next'
import { ifMatch } from 'tenantry-client'
import { api } from '../../api/client.ts'
import type { Version } from '../../api/hooks.ts'
import { useRefresh } from '../../api/query_client.ts'
import type { TenantSettings } from '../../api/schema.ts'
import { tryColor } from '../../brand/tenant_brand.ts'
import { availableLocales, localeName } from '../../i18n/i18n.ts'
import { Button } from '../../ui/button.tsx'
import { Select, TextArea, TextField } from '../../ui/form/field.tsx'
import { type Form, useForm } from '../../ui/form/form.ts'
import { FormProblem } from '../../ui/form/notice.tsx'
import { Card, CardBody } from '../../ui/layout.tsx'
import { toast } from '../../ui/toast.tsx'
import { ColorField } from './color_field.tsx'
import { changesOf, isColor, type SettingsValues, valuesOf } from './settings_values.ts'

const MAX_NOTICE = 500

interface SettingsFormProps {
  read: Version<TenantSettings>
  reload: () => void
  /** Gets the values as they are typed. */
  onDraft: (values: SettingsValues) => void
}

/** Name, colour, language and notice. */
export function SettingsForm({ read, reload, onDraft }: SettingsFormProps) {
  const { t } = useTranslation('console')
  const form = useSettings(read)
  const { values } = form
  useEffect(() => onDraft(values), [values, onDraft])
  useTriedColor(values.color)
  const { notice } = values
  return (
    <Card title={t('settings.look')} description={t('settings.lookText')}>
      <form {...form.formProps}>
        <CardBody>
          <FormProblem form={form} reload={reload} />
          <TextField
            label={t('settings.name')}
            hint={t('settings.nameHint')}
            autoComplete="organization"
            maxLength={200}
            {...form.text('name')}
          />
          <ColorField {...form.text('color')} />
          <LocaleField form={form} />
          <TextArea
            label={t('settings.notice')}
            hint={t('settings.noticeHint', { count: MAX_NOTICE - notice.length })}
            maxLength={MAX_NOTICE}
            {...form.text('notice')}
            // It is one paragraph.
            onChange={(text) => form.set('notice', text.replaceAll(/\s*\n\s*/g, ' '))}
          />
        </CardBody>
        <div className="flex justify-end gap-2 border-t border-line bg-canvas px-5 py-3 sm:px-6">
          {form.changed && <Button onClick={form.reset}>{t('settings.discard')}</Button>}
          <Button type="submit" look="primary" busy={form.busy} disabled={!form.changed}>
            {t('action.save')}
          </Button>
        </div>
      </form>
    </Card>
  )
}

function useSettings(read: Version<TenantSettings>): Form<SettingsValues> {
  const { t } = useTranslation(['console', 'auth'])
  const refresh = useRefresh()
  return useForm({
    initial: valuesOf(read.data),
    check: ({ name, color }) => ({
      ...(name.trim() === '' && { name: t('auth:form.required') }),
      ...(!isColor(color) && { color: t('settings.colorWrong') }),
    }),
    submit: async (values, overwrite) => {
      const body = changesOf(values)
      await api.PATCH('/api/tenant', { body, ...(!overwrite && ifMatch(read)) })
      toast(t('settings.stored'))
      await refresh('branding', 'me', 'setup', 'settings')
    },
  })
}

/** Shows the whole console in the colour that is being chosen, until the person leaves the form. */
function useTriedColor(color: string): void {
  const given = color.trim()
  useEffect(() => {
    if (isColor(given)) tryColor(given === '' ? null : given)
  }, [given])
  useEffect(() => () => tryColor(undefined), [])
}

function LocaleField({ form }: { form: Form<SettingsValues> }) {
  const { t } = useTranslation('console')
  const { locale } = form.values
  const offered = availableLocales()
  const tags = locale === '' || offered.includes(locale) ? offered : [...offered, locale]
  return (
    <Select
      label={t('settings.language')}
      hint={t('settings.languageHint')}
      value={locale}
      onChange={(value) => form.set('locale', value)}
    >
      <option value="">{t('settings.defaultLanguage')}</option>
      {tags.map((it) => (
        <option key={it} value={it} lang={it}>
          {localeName(it)}
        </option>
      ))}
    </Select>
  )
}
