import { Trans, useTranslation } from 'react-i18next'
import { api } from '../../api/client.ts'
import { Button } from '../../ui/button.tsx'
import { Checkbox } from '../../ui/form/checkbox.tsx'
import { TextField } from '../../ui/form/field.tsx'
import { useForm } from '../../ui/form/form.ts'
import { ProblemNotice } from '../../ui/form/notice.tsx'
import { SubdomainField } from './subdomain_field.tsx'
import { type Installation, suffixOf } from './use_installation.ts'

/** What a person signs up with. */
export interface Wanted {
  email: string
  tenant_name: string
  subdomain: string
  accepts_terms: boolean
}

/** A sign-up whose mail is on its way. */
export interface Started extends Wanted {
  id: string
}

interface StartFormProps {
  installation: Installation
  initial: Wanted
  onStarted: (started: Started) => void
}

/** The first step: who, and what the workspace is called. */
export function StartForm({ installation, initial, onStarted }: StartFormProps) {
  const { t, i18n } = useTranslation('auth')
  const { terms_url: terms } = installation
  const form = useForm({
    initial,
    check: (it) => ({
      ...(!it.email.includes('@') && { email: t('form.email') }),
      ...(it.tenant_name.trim() === '' && { tenant_name: t('form.required') }),
      ...(it.subdomain === '' && { subdomain: t('form.required') }),
      ...(terms !== null && !it.accepts_terms && { accepts_terms: t('signUp.termsRequired') }),
    }),
    submit: async (values) => {
      const wanted = {
        ...values,
        email: values.email.trim(),
        tenant_name: values.tenant_name.trim(),
      }
      onStarted({ ...wanted, id: await startSignUp(wanted, i18n.language) })
    },
  })
  const { tenant_name, subdomain } = form.values
  const rename = (name: string) => {
    form.set('tenant_name', name)
    // Until the person writes one, the address follows the name.
    if (subdomain === subdomainFor(tenant_name)) form.set('subdomain', subdomainFor(name))
  }
  const termsError = form.text('accepts_terms').error
  return (
    <form {...form.formProps} className="grid gap-4">
      <ProblemNotice problem={form.problem} />
      <TextField
        label={t('signIn.email')}
        type="email"
        inputMode="email"
        autoComplete="email"
        autoCapitalize="none"
        spellCheck={false}
        autoFocus
        {...form.text('email')}
      />
      <TextField
        label={t('signUp.name')}
        autoComplete="organization"
        maxLength={200}
        {...form.text('tenant_name')}
        onChange={rename}
      />
      <SubdomainField {...form.text('subdomain')} suffix={suffixOf(installation)} />
      {terms !== null && (
        <div className="-mx-2.5 grid gap-1">
          <Checkbox
            label={
              <Trans t={t} i18nKey="signUp.terms" components={{ a: <TermsLink href={terms} /> }} />
            }
            checked={form.values.accepts_terms}
            onChange={(it) => form.set('accepts_terms', it)}
          />
          {termsError !== undefined && (
            <p role="alert" className="px-2.5 text-sm text-danger-text">
              {termsError}
            </p>
          )}
        </div>
      )}
      <Button type="submit" look="primary" size="lg" busy={form.busy} className="mt-1 w-full">
        {t('signUp.continue')}
      </Button>
    </form>
  )
}

/** Starts a sign-up, and returns its id. */
export async function startSignUp(
  { email, tenant_name, subdomain, accepts_terms }: Wanted,
  locale: string,
): Promise<string> {
  const terms = accepts_terms ? { accepts_terms } : {}
  const body = { email, tenant_name, subdomain, locale, ...terms }
  return (await api.POST('/api/sign-ups', { body })).data.sign_up_id
}

function TermsLink({ href, children }: { href: string; children?: React.ReactNode }) {
  return (
    <a
      href={href}
      target="_blank"
      rel="noreferrer"
      className="text-accent-text underline underline-offset-2"
    >
      {children}
    </a>
  )
}

/** A label for a name: `bücher-co` cannot be one, so `bucher-co`. */
function subdomainFor(name: string): string {
  return name
    .normalize('NFKD')
    .replaceAll(/\p{M}/gu, '')
    .replaceAll('ß', 'ss')
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .slice(0, 40)
    .replaceAll(/^-+|-+$/g, '')
}
