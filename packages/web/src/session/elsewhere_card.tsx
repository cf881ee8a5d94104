import { useTranslation } from 'react-i18next'
import { buttonClass } from '../ui/button.tsx'
import { Card, CardBody } from '../ui/layout.tsx'
import { useSession } from './session.tsx'

/** In the place of what needs the password, at a custom domain: it opens at the workspace's own subdomain. */
export function ElsewhereCard({ path }: { path: string }) {
  const { t } = useTranslation('console')
  const { sign_in_origin: origin } = useSession()
  if (origin === null) return null
  const { host } = new URL(origin)
  return (
    <Card title={t('elsewhere.title')} description={t('elsewhere.text', { host })}>
      <CardBody>
        <div>
          <a href={origin + path} className={buttonClass()}>
            {t('elsewhere.open')}
          </a>
        </div>
      </CardBody>
    </Card>
  )
}
