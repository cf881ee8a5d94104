import type { TestReply } from '../../http_client.ts'

export function isEqual(one: TestReply, other: TestReply): boolean {
  return comparable(one) === comparable(other)
}

/**
 * Two successful writes create two items with different ids and times. Whether they changed another tenant
 * is checked by its rows.
 */
export function isEqualButForNewIds(one: TestReply, other: TestReply): boolean {
  const masked = (reply: TestReply) =>
    comparable(reply).replaceAll(/[\w-]{20,}|\d{4}-\d\d-\d\dT[\d:.]+Z/g, '*')
  return masked(one) === masked(other)
}

// A reply without what is specific to its request: the request id and the time.
function comparable({ status, headers, text, json }: TestReply): string {
  const { date: _date, 'x-request-id': id = '', ...constant } = headers
  const body =
    typeof json === 'object' && json !== null && 'instance' in json ? text.replaceAll(id, '') : text
  return JSON.stringify([status, constant, body])
}
