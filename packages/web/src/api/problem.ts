import i18next from 'i18next'
import { ApiProblem, type Fault } from 'tenantry-client'
import { formatSpan } from '../i18n/format.ts'
import { knownText } from '../i18n/known_text.ts'

/** The request was not sent, or not answered. */
export class Unanswered extends Error {
  override readonly name = 'Unanswered'
}

/** Did two changes of the same version meet (RFC 9110, 15.5.13)? */
export function isStale(error: unknown): boolean {
  return error instanceof ApiProblem && error.status === 412
}

/** Was the request not sent, or not answered? */
export function isOffline(error: unknown): boolean {
  return isLoadFailure(error) || error instanceof Unanswered
}

/** Could the code of a page not be loaded? Browsers agree on the type of the error, not on its words. */
export function isLoadFailure(error: unknown): boolean {
  return error instanceof TypeError && /import|module/i.test(error.message)
}

/** Is there no tenant at this host, or is it suspended? */
export function isClosedTenant(error: unknown): boolean {
  return error instanceof ApiProblem && /^tenant\.(not_found|suspended)$/.test(error.code)
}

/** May the actor not do this? */
export function isForbidden(error: unknown): boolean {
  return error instanceof ApiProblem && error.status === 403
}

/** Is there no such thing, or none that the actor may see? */
export function isMissing(error: unknown): boolean {
  return error instanceof ApiProblem && error.status === 404
}

/** The text of an error for people, in their language where the pages know the error. */
export function textOf(error: unknown): string {
  if (isOffline(error)) return lostText()
  if (!(error instanceof ApiProblem)) return i18next.t('auth:error.title')
  if (error.status === 429) {
    return i18next.t('auth:error.limited', { time: formatSpan(error.retryAfter ?? 60) })
  }
  if (error.status === 503) return i18next.t('auth:error.busy')
  if (error.status >= 500) return i18next.t('auth:error.server')
  return knownText(`problems.${error.code.replaceAll('.', '_')}`) ?? error.message
}

/** The text of a fault of one field. */
export function faultText({ message }: Fault): string {
  const slug = message.toLowerCase().replaceAll(/[^a-z0-9]+/g, '_')
  return knownText(`faults.${slug}`) ?? message.charAt(0).toUpperCase() + message.slice(1)
}

function lostText(): string {
  return i18next.t(navigator.onLine ? 'auth:error.network' : 'auth:error.offline')
}
