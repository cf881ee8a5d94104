import { CREDENTIALS_BODY_BYTES } from '../../access/sign_in_limits.ts'
import type { PersonContext } from '../../app/context.ts'
import { contextRoutes, createRoutes, type Route } from '../../app/route.ts'
import type { KernelTables } from '../../db/tables.ts'
import {
  Account,
  AccountChanges,
  AccountDeletion,
  Confirmation,
  OwnTenants,
  PasswordChange,
} from './account.schema.ts'
import { findAccount, updateAccount } from './account.ts'
import { type DeletionDeps, deleteAccount, previewDeletion } from './delete_account.ts'
import { changeOwnPassword } from './own_password.ts'
import { ownTenants } from './own_tenants.ts'

const { get } = createRoutes<never, never, KernelTables>()
const write = contextRoutes<PersonContext<KernelTables>>({ access: 'member', person: true })

export function accountRoutes(deps: DeletionDeps): Route[] {
  return [
    get('/api/account', {
      access: 'member',
      summary: 'Get your account',
      single: true,
      reply: Account,
      handle: (ctx) => findAccount(deps.config, ctx),
    }),
    write('PATCH', '/api/account', {
      summary: 'Change your name or your language',
      single: true,
      audit: 'users.update',
      body: AccountChanges,
      reply: Account,
      handle: (ctx, { body }) => updateAccount(deps.config, ctx, body),
    }),
    write('PUT', '/api/account/password', {
      summary: 'Change your password and end your other sessions',
      audit: 'auth.password_change',
      revokes: true,
      bodyLimit: CREDENTIALS_BODY_BYTES,
      body: PasswordChange,
      handle: (ctx, { body }) => changeOwnPassword(deps, ctx, body),
    }),
    get('/api/account/tenants', {
      access: 'member',
      summary: 'List the tenants that you are a member of',
      reply: OwnTenants,
      handle: (ctx) => ownTenants(deps, ctx),
    }),
    get('/api/account/deletion', {
      access: 'member',
      summary: 'See what deleting your account would do',
      reply: AccountDeletion,
      handle: (ctx) => previewDeletion(deps, ctx),
    }),
    write('DELETE', '/api/account', {
      summary: 'Delete your account, in all of your tenants',
      description:
        'Ends all of your sessions immediately. Your data is erased some days later; until then a platform admin can restore the account.',
      audit: 'account.delete',
      revokes: true,
      bodyLimit: CREDENTIALS_BODY_BYTES,
      single: false,
      body: Confirmation,
      status: 202,
      errors: [409],
      handle: (ctx, { body }) => deleteAccount(deps, ctx, body.current_password),
    }),
  ]
}
