import type texts from './locales/en.json'

type Texts = (typeof texts)['app']

declare module 'tenantry-web' {
  /** Makes `useTranslation('app')` know the keys of the app's own texts. */
  interface AppTexts extends Texts {}
}
