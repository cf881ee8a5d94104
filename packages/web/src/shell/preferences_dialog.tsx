import { useTranslation } from 'react-i18next'
import { Button } from '../ui/button.tsx'
import { Dialog } from '../ui/dialog.tsx'
import { Preferences } from './preferences.tsx'

/** Appearance and language of this browser. */
export function PreferencesDialog({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation('console')
  return (
    <Dialog
      title={t('person.preferences')}
      description={t('person.preferencesText')}
      onClose={onClose}
      footer={
        <Button look="primary" onClick={onClose}>
          {t('action.done')}
        </Button>
      }
    >
      <Preferences />
    </Dialog>
  )
}
