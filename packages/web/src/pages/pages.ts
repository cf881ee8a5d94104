import { type Page, page } from '../page.ts'

/** The pages that every app has. */
export const kernelPages: readonly Page[] = [
  page('/', {
    access: 'member',
    nav: { label: (t) => t('console:overview.title'), icon: 'home' },
    load: () => import('./overview/overview.page.tsx'),
  }),
  page('/members', {
    access: 'members:read',
    nav: { label: (t) => t('console:members.title'), icon: 'users', group: 'administration' },
    load: () => import('./members/members.page.tsx'),
  }),
  page('/members/:user_id', {
    access: 'members:read',
    load: () => import('./members/member.page.tsx'),
  }),
  page('/roles', {
    access: 'roles:read',
    nav: { label: (t) => t('console:roles.title'), icon: 'shield', group: 'administration' },
    load: () => import('./roles/roles.page.tsx'),
  }),
  page('/roles/:name', {
    access: 'roles:read',
    load: () => import('./roles/role.page.tsx'),
  }),
  page('/new-role', {
    access: 'roles:create',
    load: () => import('./roles/new_role.page.tsx'),
  }),
  page('/domains', {
    access: 'domains:read',
    nav: { label: (t) => t('console:domains.title'), icon: 'globe', group: 'administration' },
    load: () => import('./domains/domains.page.tsx'),
  }),
  page('/settings', {
    access: 'tenant:update',
    nav: { label: (t) => t('console:settings.title'), icon: 'settings', group: 'administration' },
    load: () => import('./settings/settings.page.tsx'),
  }),
  page('/audit-logs', {
    access: 'audit_logs:read',
    nav: { label: (t) => t('console:auditLogs.title'), icon: 'log', group: 'administration' },
    load: () => import('./audit_logs/audit_logs.page.tsx'),
  }),
  page('/ownership-transfer', {
    access: 'tenant:transfer',
    load: () => import('./ownership_transfers/ownership_transfer.page.tsx'),
  }),
  page('/account', {
    access: 'member',
    load: () => import('./account/account.page.tsx'),
  }),
]
