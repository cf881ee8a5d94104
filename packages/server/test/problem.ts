import { expect } from 'vitest'

interface Answer {
  status: number
  headers: Record<string, string>
  text: string
}

/** What no client may learn from an error (API-1): where our code is, what it asked the database. */
const INNARDS =
  /\bat \S+ ?\(|\bat (file|node):|node_modules|\.[jt]s:\d|\bpg_|\bselect\b.*\bfrom\b|\binsert into\b|tenantry[_.]|postgres|sqlstate|violates|relation "|ECONN|fastify|FST_|HPE_|\bzod\b|nodejs|x-powered-by/i

/** Is it an error as the contract has them: problem+json, its own request id, nothing of our innards? */
export function expectProblem(answer: Answer | undefined, status: number): void {
  expect(answer?.status).toBe(status)
  if (answer === undefined) return
  expect(answer.headers['content-type']).toBe('application/problem+json; charset=utf-8')
  expect(answer.headers['cache-control']).toBe('no-store')
  expect(answer.headers['x-content-type-options']).toBe('nosniff')
  expect(answer.headers['server']).toBeUndefined()
  const problem = JSON.parse(answer.text)
  expect(problem).toEqual({
    type: `urn:tenantry:problem:${problem.code}`,
    title: expect.stringMatching(/^[A-Z]/),
    status,
    detail: expect.stringMatching(/./),
    code: expect.stringMatching(/^[a-z_]+\.[a-z_]+$/),
    instance: answer.headers['x-request-id'],
    ...(problem.errors === undefined ? {} : { errors: expect.any(Array) }),
  })
  expect(JSON.stringify([answer.headers, answer.text])).not.toMatch(INNARDS)
}
