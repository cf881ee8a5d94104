import { type ConfirmDeps, confirmPassword } from '../../access/credentials/confirm_password.ts'
import { assertAcceptablePassword } from '../../access/password_rules.ts'
import { keepSession } from '../../access/sessions/own_session.ts'
import type { PersonContext } from '../../app/context.ts'
import type { KernelTables } from '../../db/tables.ts'
import { conflict } from '../../lib/errors.ts'
import { passwordChanged } from '../users/password_changed.mail.ts'
import { setPassword } from '../users/users.ts'

export interface PasswordChange {
  current_password: string
  new_password: string
}

/**
 * Sets a new password, and ends all other sessions of the person in every tenant: only the session that
 * asks goes on. Throws 422 for either password, 403 on a custom domain, 409 if the password has changed
 * meanwhile.
 */
export async function changeOwnPassword(
  deps: ConfirmDeps,
  ctx: PersonContext<KernelTables>,
  { current_password, new_password }: PasswordChange,
): Promise<void> {
  const person = await confirmPassword(deps, ctx, current_password)
  const { name: tenantName, subdomain } = ctx.tenant
  assertAcceptablePassword(new_password, { ...person, tenantName, subdomain })
  const hash = await deps.passwords.hash(new_password)
  const { id } = ctx.actor.user
  await ctx.asPerson(async (db, enqueue) => {
    const user = { id, credentials_epoch: person.credentials_epoch }
    if (!(await setPassword(db, user, hash))) throw changedMeanwhile()
    await keepSession(db, ctx.actor)
    await enqueue(passwordChanged, { user_id: id })
  })
}

function changedMeanwhile() {
  return conflict('password.changed', 'Your password has been changed meanwhile')
}
