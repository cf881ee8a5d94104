import { useTranslation } from 'react-i18next'
import type { Brand } from '../shell/brand.tsx'
import { AuthFrame } from './auth_frame.tsx'

/** There is no page at this address. */
export function NoSuchPage({ brand }: { brand: Brand }) {
  const { t } = useTranslation('auth')
  return (
    <AuthFrame
      brand={brand}
      title={t('error.notFoundTitle')}
      lead={t('error.notFound')}
      content={
        <a href="/auth/sign-in" className="font-medium text-accent-text hover:underline">
          {t('forgot.back')}
        </a>
      }
    />
  )
}
