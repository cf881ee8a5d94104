import { page, startConsole } from 'tenantry-web'

const projects = page('/projects', {
  access: 'projects:read',
  nav: { label: (t) => t('app:projects.title'), icon: 'folder' },
  load: () => import('./projects/projects.page.tsx'),
})

const locales = { en: () => import('./locales/en.json'), de: () => import('./locales/de.json') }
void startConsole({ pages: [projects], locales })
