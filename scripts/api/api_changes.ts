import { type Json, objectIn, type Side, schemaBreaks } from './api_schemas.ts'

/** A change that breaks a client, and the operation that the client calls: `GET /api/projects`. */
export interface Break {
  operation: string
  what: string
}

/** The changes from `before` to `after` that break a client; both are OpenAPI 3.1 documents. */
export function breakingChanges(before: Json, after: Json): Break[] {
  const [old, now] = [operationsOf(before), operationsOf(after)]
  return [...old].flatMap(([operation, was]) => {
    const is = now.get(operation)
    const whats = is === undefined ? ['is removed'] : operationBreaks(was, is)
    return [...new Set(whats)].map((what) => ({ operation, what }))
  })
}

/** The breaks whose operation no line marked **Breaking** of CHANGELOG's Unreleased section names. */
export function unmarked(breaks: readonly Break[], changelog: string): Break[] {
  const [, unreleased = ''] =
    /^## \[Unreleased\].*\n([\s\S]*?)(?=^## |$(?![\s\S]))/m.exec(changelog) ?? []
  const marked = unreleased.split(/^(?=[-*] )/m).filter((it) => it.includes('**Breaking**'))
  return breaks.filter(({ operation }) => !marked.some((it) => it.includes(`\`${operation}\``)))
}

const methods = ['get', 'put', 'post', 'delete', 'options', 'head', 'patch', 'trace']

function operationsOf(document: Json): Map<string, Json> {
  const paths = Object.entries(objectIn(document['paths']) ?? {})
  const entries = paths.flatMap(([path, item]) =>
    methods.flatMap((method): [string, Json][] => {
      const operation = objectIn(objectIn(item)?.[method])
      if (operation === undefined) return []
      return [[`${method.toUpperCase()} ${path}`, objectIn(resolve(document, operation)) ?? {}]]
    }),
  )
  return new Map(entries)
}

/** Replaces every reference by its target, except a reference within its own target. */
function resolve(document: Json, value: unknown, within: readonly string[] = []): unknown {
  if (Array.isArray(value)) return value.map((it) => resolve(document, it, within))
  const object = objectIn(value)
  if (object === undefined) return value
  const { $ref } = object
  if (typeof $ref === 'string' && !within.includes($ref)) {
    return resolve(document, named(document, $ref), [...within, $ref])
  }
  return Object.fromEntries(
    Object.entries(object).map(([name, it]) => [name, resolve(document, it, within)]),
  )
}

function named(document: Json, reference: string): unknown {
  const steps = reference.replace(/^#\//, '').split('/')
  return steps.reduce<unknown>((at, step) => objectIn(at)?.[step], document)
}

function operationBreaks(before: Json, after: Json): string[] {
  const access = before['x-access'] === after['x-access']
  return [
    ...(access ? [] : [`is for ${after['x-access']} instead of ${before['x-access']}`]),
    ...parameterBreaks(before, after),
    ...bodyBreaks(objectIn(before['requestBody']), objectIn(after['requestBody'])),
    ...replyBreaks(objectIn(before['responses']) ?? {}, objectIn(after['responses']) ?? {}),
  ]
}

function parameterBreaks(before: Json, after: Json): string[] {
  const [old, now] = [parametersOf(before), parametersOf(after)]
  const removed = [...old.keys()].filter((it) => !now.has(it)).map((it) => `${it} is removed`)
  const others = [...now].flatMap(([name, is]) => {
    const was = old.get(name)
    const required = is['required'] === true && was?.['required'] !== true
    return [
      ...(required ? [`${name} is required`] : []),
      ...(was === undefined ? [] : within(name, schemaOf(was), schemaOf(is), 'request')),
    ]
  })
  return [...removed, ...others]
}

function parametersOf({ parameters }: Json): Map<string, Json> {
  const list = Array.isArray(parameters) ? parameters.map((it) => objectIn(it) ?? {}) : []
  return new Map(list.map((it) => [`the ${it['in']} parameter ${it['name']}`, it]))
}

function bodyBreaks(before: Json | undefined, after: Json | undefined): string[] {
  if (after === undefined) return before === undefined ? [] : ['the body is removed']
  const required = after['required'] === true && before?.['required'] !== true
  return [
    ...(required ? ['the body is required'] : []),
    ...mediaBreaks('the body', before ?? {}, after, 'request'),
  ]
}

/** Error replies may change: each operation has a default reply, and clients read `code`. */
function replyBreaks(before: Json, after: Json): string[] {
  const succeeds = (status: string) => /^[23]/.test(status)
  const added = Object.keys(after).filter((it) => succeeds(it) && !(it in before))
  const removed = Object.keys(before).filter((it) => succeeds(it) && !(it in after))
  const shared = Object.keys(before).filter((it) => it in after)
  return [
    ...added.map((it) => `answers ${it}`),
    ...removed.map((it) => `no longer answers ${it}`),
    ...shared.flatMap((status) => {
      const [was, is] = [objectIn(before[status]) ?? {}, objectIn(after[status]) ?? {}]
      return [...headerBreaks(status, was, is), ...mediaBreaks(`reply ${status}`, was, is, 'reply')]
    }),
  ]
}

function headerBreaks(status: string, before: Json, after: Json): string[] {
  const now = objectIn(after['headers']) ?? {}
  return Object.keys(objectIn(before['headers']) ?? {})
    .filter((name) => !(name in now))
    .map((name) => `reply ${status}: the header ${name} is removed`)
}

function mediaBreaks(what: string, before: Json, after: Json, side: Side): string[] {
  const now = objectIn(after['content']) ?? {}
  return Object.entries(objectIn(before['content']) ?? {}).flatMap(([media, was]) => {
    const is = objectIn(now[media])
    if (is === undefined) return [`${what}: ${media} is removed`]
    return within(what, schemaOf(objectIn(was) ?? {}), schemaOf(is), side)
  })
}

function within(what: string, before: Json, after: Json, side: Side): string[] {
  return schemaBreaks(before, after, side).map((it) => `${what}: ${it}`)
}

function schemaOf({ schema }: Json): Json {
  return objectIn(schema) ?? {}
}
