import { randomInt } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Kysely, sql } from 'kysely'
import { assertAcceptablePassword } from '../../access/password_rules.ts'
import type { Passwords } from '../../access/passwords.ts'
import { INSTALLATION_REALM, realmOfNewTenant } from '../../access/realm.ts'
import type { BaseContext } from '../../app/context.ts'
import type { Job } from '../../app/jobs/job.ts'
import { type AuditEntry, recordAudits } from '../../audit/audit_log.ts'
import type { KernelTables } from '../../db/tables.ts'
import { backgroundScope } from '../../db/tenancy.ts'
import { enqueueJob } from '../../jobs/enqueue.ts'
import { conflict, unprocessable } from '../../lib/errors.ts'
import { newId } from '../../lib/ids.ts'
import { addReceipt } from '../hand_overs/hand_overs.ts'
import { addInvitedMember } from '../members/members.ts'
import { invalidToken } from '../single_use_secrets/single_use_secrets.ts'
import { addOwnTenant, type NewTenant } from '../tenants/tenants.ts'
import { changePassword, createVerifiedUser } from '../users/users.ts'
import {
  type Account,
  type Matches,
  type ProvenSignUp,
  proveSignUp,
  type SignUpProof,
  signUpIsOpen,
} from './prove_sign_up.ts'
import { assertAvailable, assertSignUpOpen, type SignUpDeps } from './sign_ups.ts'

/** What the confirmation of a sign-up needs. */
export interface ConfirmSignUpDeps extends SignUpDeps {
  passwords: Passwords
  /** The job of the app that makes the first rows of a new tenant. */
  tenantCreated: Job | undefined
}

export interface Confirmation extends SignUpProof {
  full_name?: string | undefined
  password?: string | undefined
  tenant_name?: string | undefined
  subdomain?: string | undefined
}

/** What the person who has the code may see. Throws 400, 403 and 422. */
export async function previewSignUp(
  deps: ConfirmSignUpDeps,
  ctx: BaseContext,
  id: string,
  proof: SignUpProof,
) {
  assertSignUpOpen(deps)
  const { signUp, account } = await proveSignUp(deps, ctx, id, proof)
  const { email, tenant_name, subdomain } = signUp
  const known = account?.isProven === true ? ('exists' as const) : ('none' as const)
  return { email, tenant_name, subdomain, account: known }
}

/**
 * Creates the tenant of a sign-up and its owner, whose mailbox the proof proves. A person's account with a verified address
 * and a password stays as it is; one without gets the password that is given here. Throws 400 for the proof, 403,
 * 409 if the name was taken meanwhile, and 422.
 */
export async function confirmSignUp(
  deps: ConfirmSignUpDeps,
  ctx: BaseContext,
  id: string,
  given: Confirmation,
) {
  assertSignUpOpen(deps)
  const { signUp, matches, account, isTaken } = await proveSignUp(deps, ctx, id, given)
  const name = given.tenant_name ?? signUp.tenant_name
  const subdomain = given.subdomain ?? signUp.subdomain
  assertAvailable(deps.subdomains.faultOf(subdomain) ?? (isTaken ? 'taken' : null))
  const owner = await ownerOf(deps, { signUp, given, account, name, subdomain })
  const tenant = { id: newId(), name, subdomain }
  const creation = { signUp, matches, owner, tenant }
  const receipt = await deps.database.asIdentity({ tenant, deadline: ctx.deadline }, (db) =>
    create(deps, db, ctx, creation),
  )
  if (deps.tenantCreated !== undefined) await firstRows(deps, tenant.id, deps.tenantCreated)
  const origin = deps.config.PUBLIC_ORIGIN.replaceAll('{tenant}', subdomain)
  const kept = owner.kind === 'kept' ? ('exists' as const) : ('created' as const)
  return { tenant: { ...tenant, origin }, account: kept, receipt }
}

/** Who owns the new tenant: an account that stays, or one that gets a password, which may have to be created. */
type Owner =
  | { kind: 'kept'; account: Account }
  | { kind: 'changed'; account: Account; password_hash: string }
  | { kind: 'created'; account: undefined; password_hash: string; full_name: string }

interface Owning {
  signUp: ProvenSignUp
  given: Confirmation
  account: Account | undefined
  name: string
  subdomain: string
}

// The hash is made before the transaction begins, which must not hold a connection meanwhile.
async function ownerOf({ passwords }: ConfirmSignUpDeps, owning: Owning): Promise<Owner> {
  const { signUp, given, account, name: tenantName, subdomain } = owning
  if (account?.isProven === true) return { kind: 'kept', account }
  const { password, full_name = '' } = given
  if (password === undefined) {
    throw unprocessable([{ pointer: '/password', message: 'is required: there is no account yet' }])
  }
  const words = { email: signUp.email, full_name, tenantName, subdomain }
  assertAcceptablePassword(password, words, '/password')
  const password_hash = await passwords.hash(password)
  return account === undefined
    ? { kind: 'created', account, password_hash, full_name }
    : { kind: 'changed', account, password_hash }
}

interface Creation {
  signUp: ProvenSignUp
  matches: Matches
  owner: Owner
  tenant: Pick<NewTenant, 'name' | 'subdomain'> & { id: string }
}

// One transaction in the scope of the tenant that it creates. Using the sign-up is what one of several
// confirmations succeeds in. What follows is sent without waiting where nothing depends on a reply.
async function create(
  deps: ConfirmSignUpDeps,
  db: Kysely<KernelTables>,
  { request }: BaseContext,
  { signUp, matches, owner, tenant }: Creation,
): Promise<string | null> {
  const { ownerRole = '', tenantCreated } = deps
  const [, now] = await Promise.all([use(db, signUp, matches), lockAccount(db, signUp)])
  assertSame(owner.account, now)
  const realm_id = realmOfNewTenant(deps.config, tenant.id)
  const [user_id] = await Promise.all([
    saveOwner(db, { ...signUp, realm_id }, owner),
    addOwnTenant(db, { ...tenant, code: codeFor(tenant.subdomain) }),
  ])
  // An account that stays as it is signs in with its own password, and whatever else it needs.
  const [receipt] = await Promise.all([
    owner.kind === 'kept' ? null : addReceipt(deps, db, user_id),
    addInvitedMember(db, user_id, [{ role: ownerRole, role_id: null }]),
    recordAudits(db, request, entriesOf(signUp, tenant.id, { user_id, roles: [ownerRole] })),
    tenantCreated && enqueueJob({ db, actorId: user_id, requestId: request.id }, tenantCreated, {}),
  ])
  return receipt
}

function entriesOf(
  { id, terms_version }: ProvenSignUp,
  tenantId: string,
  { user_id, roles }: { user_id: string; roles: string[] },
): AuditEntry[] {
  const meta = terms_version === null ? {} : { terms_version }
  const entries: AuditEntry[] = [
    { action: 'tenants.create', entity: 'tenants', entity_id: tenantId },
    { action: 'sign_ups.confirm', entity: 'sign_ups', entity_id: id, meta },
    { action: 'members.create', entity: 'members', entity_id: user_id, meta: { roles } },
  ]
  return entries.map((it) => ({ ...it, actor_id: user_id }))
}

async function use(db: Kysely<KernelTables>, { id }: ProvenSignUp, matches: Matches) {
  const { rows } = await sql`
    update tenantry.sign_ups set used_at = now()
    where id = ${id} and ${signUpIsOpen} and ${matches}
    returning id`.execute(db)
  if (rows.length === 0) throw invalidToken()
}

// The person may be deleting the account at the same time.
async function lockAccount(
  db: Kysely<KernelTables>,
  { email_key }: ProvenSignUp,
): Promise<Account | undefined> {
  return db
    .selectFrom('tenantry.users')
    .select(['id', sql<string>`sessions_valid_from::text`.as('credentials_epoch')])
    .select(
      sql<boolean>`(email_verified_at is not null and password_hash is not null)`.as('isProven'),
    )
    .where('realm_id', '=', INSTALLATION_REALM)
    .where('email_key', '=', email_key)
    .forNoKeyUpdate()
    .executeTakeFirst()
}

// Another confirmation, a reset or a verification may have changed the account while a password was hashed.
function assertSame(before: Account | undefined, now: Account | undefined): void {
  const isSame =
    now?.id === before?.id &&
    now?.credentials_epoch === before?.credentials_epoch &&
    now?.isProven === before?.isProven
  if (!isSame) throw conflict('account.changed', 'The account has changed meanwhile; try again')
}

async function saveOwner(
  db: Kysely<KernelTables>,
  { email, locale, realm_id }: ProvenSignUp & { realm_id: string },
  owner: Owner,
): Promise<string> {
  if (owner.kind === 'created') {
    const { full_name, password_hash } = owner
    const user = { email, full_name, locale, password_hash, realm_id }
    return (await createVerifiedUser(db, user)).id
  }
  const { id: user_id, credentials_epoch } = owner.account
  if (owner.kind === 'kept') return user_id
  const proof = { user_id, channel: 'mail', credentials_epoch, data: {} } as const
  if (!(await changePassword(db, proof, owner.password_hash))) throw invalidToken()
  return user_id
}

// A code is unique, and two long names may begin alike.
function codeFor(subdomain: string): [wanted: string, otherwise: string] {
  const wanted = subdomain.toUpperCase().replaceAll('-', '_')
  const suffix = String(randomInt(1_000_000)).padStart(6, '0')
  return [wanted.slice(0, 32), `${wanted.slice(0, 25)}_${suffix}`]
}

const WAIT_MS = 2_000
const LOOK_MS = 50

// The person goes on to the tenant, which should have its first rows by then. A worker that is busy or elsewhere
// delays nothing for longer.
async function firstRows({ database, jobs }: ConfirmSignUpDeps, tenantId: string, { kind }: Job) {
  jobs.notify()
  const until = performance.now() + WAIT_MS
  while (performance.now() < until) {
    await sleep(LOOK_MS)
    const waiting = await database.inTenant(backgroundScope(tenantId), (db) =>
      db.selectFrom('tenantry.jobs').select('id').where('kind', '=', kind).executeTakeFirst(),
    )
    if (waiting === undefined) return
  }
}
